"""What ``VERBOSE`` and ``explain --format bwrap`` print: a bwrap command line that runs as it is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ..launch.planfile import Plan


def plain_options(options: Sequence[bytes], verify: Sequence[bytes]) -> list[bytes]:
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
    words += plain_options(options, ())
    words += [b"--", *argv]
    return " ".join(shlex.quote(os.fsdecode(word)) for word in words)


def announce(plan: Plan, options: Sequence[bytes], config: dict[str, object]) -> None:
    """Write what is about to run to stderr, in the words that scripts match."""
    env, argv = config["env"], config["argv"]
    assert isinstance(env, list) and isinstance(argv, list)  # noqa: PT018, S101
    directory = config["cwd"]
    assert isinstance(directory, list)  # noqa: S101
    extra = [b"--chdir", *directory]
    lines = []
    if plan.seccomp_allow or plan.seccomp_deny:
        lines.append(f"sandbox-venv/seccomp: allowing {os.fsdecode(plan.meta[b'allowed'])} syscalls")
    lines.append(f"sandbox-venv/wrapper: exec {command_line([*options, *extra], env, argv)}")
    os.write(2, os.fsencode("\n".join(lines) + "\n"))
