"""Run CPython's own tests without and under the seccomp filters, and print where the outcomes differ.

    python -m tests.kernel.cpython_suite INTERPRETER [TEST…]

The interpreter must come with its `test` package (a pyenv build does, Debian's does not), so this is no part of
`make test`. Exit status 1 where a difference isn't one of EXPECTED. Takes long: give names of tests to be quick.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from sandbox_venv.launch import linux
from sandbox_venv.seccomp import Program, compile_seccomp

TESTS = (
    "test_os", "test_subprocess", "test_socket", "test_asyncio", "test_multiprocessing_fork",
    "test_multiprocessing_spawn", "test_multiprocessing_forkserver", "test_concurrent_futures", "test_threading",
    "test_mmap", "test_signal", "test_select", "test_time", "test_shutil", "test_posix", "test_tempfile", "test_pty",
    "test_fcntl", "test_selectors", "test_socketserver", "test_httpservers", "test_ssl", "test_tarfile", "test_pathlib",
    "test_faulthandler", "test_eintr", "test_sqlite3",
)  # fmt: skip

EXPECTED = {
    "test_exist_ok_s_isgid_directory": "sets a set-group-ID bit: skips itself",
    "test_monotonic_settime": "sets the clock as root: skips itself",
    "test_modes": "unpacks a tar archive with set-user-ID bits: the bits are missing",
}
"""Tests of what the policy forbids on purpose"""


def outcomes(python: str, tests: list[str], program: Program) -> dict[str, str]:
    """Run the tests under the filters; return each one's outcome: ok, failure, error or skipped."""

    def load() -> None:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        for one in (program.allow, program.deny):
            if one:
                linux.seccomp_filter(one)

    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report.xml")
        command = [python, "-m", "test", "--timeout", "600", "--junit-xml", str(report), *tests]
        environ = {"PATH": "/usr/bin:/bin", "HOME": place, "TMPDIR": place, "LANG": "C.UTF-8"}
        subprocess.run(
            command, cwd=place, env=environ, preexec_fn=load, start_new_session=True, check=False,
            stdin=subprocess.DEVNULL, stdout=sys.stderr,
        )  # fmt: skip
        found = {}
        for case in ET.parse(report).iter("testcase"):
            inner = [item.tag for item in case if item.tag in ("failure", "error", "skipped")]
            found[case.get("name", "?")] = inner[0] if inner else case.get("result", "ok")
        return found


def main(python: str, tests: list[str]) -> int:
    """Compare, print, and return the exit status."""
    before = outcomes(python, tests, compile_seccomp(allow=""))
    after = outcomes(python, tests, compile_seccomp())
    surprises = 0
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            reason = next((why for word, why in EXPECTED.items() if word in name), "")
            surprises += not reason
            print(f"{name}: {before.get(name)} -> {after.get(name)}{reason and f' (expected: {reason})'}")
    print(f"{len(before)} tests without, {len(after)} under the filters, {surprises} unexpected differences")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or list(TESTS)))
