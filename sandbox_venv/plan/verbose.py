"""What ``VERBOSE`` and ``explain --format bwrap`` print: a bwrap command line that runs as it is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ..launch.inside.config import Config
from ..launch.planfile import Plan


def plain_options(options: Sequence[bytes]) -> list[bytes]:
    """Return ``options`` with binds by descriptor named by path again."""
    result: list[bytes] = []
    at = 0
    while at < len(options):
        word = options[at]
        if word in (b"--bind-fd", b"--ro-bind-fd"):
            source = os.readlink(b"/proc/self/fd/" + options[at + 1])
            result += [word[:-3], source, options[at + 2]]
            at += 3
        else:
            result.append(word)
            at += 1
    return result


def command_line(options: Sequence[bytes], env: Sequence[bytes], argv: Sequence[bytes]) -> str:
    """Return the command line, quoted for a shell."""
    words = [b"bwrap", b"--clearenv"]
    for item in env:
        name, _, value = item.partition(b"=")
        words += [b"--setenv", name, value]
    words += plain_options(options)
    words += [b"--", *argv]
    return " ".join(map(quote, words))


def quote(word: bytes) -> str:
    """Quote a word for a shell; one with escape sequences or other bytes in bash's $'', which no terminal obeys."""
    text = os.fsdecode(word)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\{b:03o}" for b in word) + "'"


def announce(plan: Plan, options: Sequence[bytes], config: Config) -> None:
    """Write what is about to run to stderr, in the words that scripts match."""
    lines = []
    if plan.seccomp_allow or plan.seccomp_deny:
        lines.append(f"sandbox-venv/seccomp: allowing {os.fsdecode(plan.meta[b'allowed'])} syscalls")
    command = command_line([*options, b"--chdir", *config.cwd], config.env, config.argv)
    lines.append(f"sandbox-venv/wrapper: exec {command}")
    os.write(2, os.fsencode("\n".join(lines) + "\n"))
