"""Compare the C environment filter (native/tests/filter.c) with launch/environ.py on generated environments.

Arguments: the executable, a seed. Prints how many results differ, and the first of them on stderr. C may leave a case to
Python where `may_be_unsure` says so.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sandbox_venv.launch import environ

CASES = 4000
NAMES = [
    *sorted(environ.ALLOWED), *sorted(environ.NEVER), *environ.SECRET_PARTS, *sorted(environ.SECRET_WORDS),
    *environ.PLUMBING, *sorted(environ.PLUMBING_NAMES), b"AUTHOR", b"AUTHORI", b"TOKENIZER", b"FOO", b"lc_x", b"LC_ALL",
    b"PWD", b"VERBOSE", b"X", b"_", b"I", b"OR", b"PIP_X", b"a", b"AUT", b"HOR", b"1", b"-", b".", b"BWRAP_ARGS", b"SANDBOX_X",
]  # fmt: skip
PIECES = [
    b"://", b"@", b":", b"/", b"http", b"HTTPS", b"ftp", b"user", b"pw", b"host", b"8080", b"]", b"[", b" ", b"\t", b"\n",
    b'"', b"'", b"<", b">", b"?", b"#", b"\\", b"\r", b"PRIVATE KEY-----", b"x", b"=", b"\xff",
    b"token", b"Pwd", b"sig", b"&", b";", b"-", b"_", b"--", b"client_secret", b"SharedAccessSignature",
]  # fmt: skip
Pairs = list[tuple[bytes, bytes]]


def block(*items: bytes) -> bytes:
    return b"".join(item + b"\0" for item in (b"%d" % len(items), *items))


class Case:
    """One environment, what the parent has, and rules."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd
        self.env: Pairs = [(self.name(), self.value()) for _ in range(rnd.randrange(7))]
        self.parent: Pairs | None = None
        if rnd.random() > 0.3:
            self.parent = [(name, self.value()) for name, _ in self.env if rnd.random() < 0.5] + [(self.name(), b"")]
        self.rules = [self.rule() for _ in range(rnd.randrange(5))]

    def name(self) -> bytes:
        parts = [
            self.rnd.choice(NAMES) + self.rnd.choice((b"", b"_", b"")) for _ in range(self.rnd.choice((1, 1, 1, 2, 3)))
        ]
        name = b"".join(parts)
        return name.lower() if self.rnd.random() < 0.1 else name

    def value(self) -> bytes:
        return b"".join(self.rnd.choice(PIECES) for _ in range(self.rnd.randrange(9)))

    def rule(self) -> tuple[bytes, bytes]:
        kind = self.rnd.choice((b"pass", b"set", b"drop", b"dotenv"))
        name = self.rnd.choice([*(name for name, _ in self.env), self.name()])
        if kind in (b"pass", b"drop"):
            return kind, self.rnd.choice((name, name[:3] + b"*", b"PIP_*", b"*"))
        return kind, name + b"=" + self.value()

    def expected(self) -> dict[bytes, bytes]:
        env: dict[bytes, bytes] = {}
        for name, value in self.env:
            env.setdefault(name, value)
        dotenv = {}
        for kind, item in self.rules:
            if kind == b"dotenv":
                name, _, value = item.partition(b"=")
                dotenv[name] = value
        parent = None if self.parent is None else {name for name, _ in self.parent}
        result = environ.filter_environ(env, parent, [rule for rule in self.rules if rule[0] != b"dotenv"], dotenv)
        return {**result, b"PWD": b"/cwd"}

    def may_be_unsure(self) -> bool:
        """Tell whether a variable may hold a password, or is named after an author: rare, so not decided in C."""
        return any(
            b"@" in value or b"AUTHOR" in name.upper() or b"TOKENIZER" in name.upper() for name, value in self.env
        )

    def packed(self) -> bytes:
        joined = block(*(b"%s=%s" % pair for pair in self.env))
        joined += b"-1\0" if self.parent is None else block(*(b"%s=%s" % pair for pair in self.parent))
        return joined + block(*(item for rule in self.rules for item in rule)) + b"/cwd\0"


def main(executable: str, seed: str) -> None:
    rnd = random.Random(int(seed))
    cases = [Case(rnd) for _ in range(CASES)]
    text = b"".join(case.packed() for case in cases)
    items = iter(subprocess.run([executable], input=text, check=True, capture_output=True).stdout.split(b"\0"))
    different = decided = 0
    for case in cases:
        count = int(next(items))
        if count < 0:  # Python's to decide
            assert case.may_be_unsure(), case.env
            continue
        decided += 1
        result = dict(next(items).partition(b"=")[::2] for _ in range(count))
        if result != case.expected():
            different += 1
            if different == 1:
                sys.stderr.write(f"{case.env} {case.parent} {case.rules}\nC {result}\nPython {case.expected()}\n")
    assert decided > CASES // 3, decided
    print(different, "differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
