"""The values of bubblewrap's options, read by the code that reads them at a start.

So a mistake is refused when the option is given, and not by every start after a wrap that took it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..errors import SandboxError
from ..launch.native.failure import Usage
from ..launch.native.privileges import cap_bit
from ..launch.native.values import number, octal, size

LONGEST_HOST_NAME = 64  # HOST_NAME_MAX, limits.h


def _capability(value: bytes) -> object:
    return value.upper() == b"ALL" or cap_bit(value)


def _host_name(value: bytes) -> None:
    if not 0 < len(value) <= LONGEST_HOST_NAME:
        raise Usage(b"a host name has 1 to %d bytes" % LONGEST_HOST_NAME)


def _variable(value: bytes) -> None:
    if not value or b"=" in value:
        raise Usage(b"a variable's name isn't empty and has no `=`: " + value)


READERS: dict[str, Callable[[bytes], object]] = {
    "--uid": lambda value: number(value, b"uid"),
    "--gid": lambda value: number(value, b"gid"),
    "--cap-add": _capability,
    "--cap-drop": _capability,
    "--perms": lambda value: octal(b"--perms", value),
    "--chmod": lambda value: octal(b"--chmod", value),
    "--size": size,
    "--hostname": _host_name,
    "--setenv": _variable,
    "--unsetenv": _variable,
    **dict.fromkeys(
        ["--file", "--bind-data", "--ro-bind-data", "--bind-fd", "--ro-bind-fd", "--seccomp", "--add-seccomp-fd",
         "--sync-fd", "--block-fd", "--keep-fd"],
        number,
    ),
}  # fmt: skip
"""Options whose first argument isn't any text."""

OVERLAYS = ("--overlay", "--tmp-overlay", "--ro-overlay")


def check_option(option: Sequence[str], prefix: Sequence[str], where: str) -> None:
    """Refuse an option that no start could take.

    Args:
        option: it and its arguments.
        prefix: words of the options before it that belong to it.
        where: what it came from, for messages.

    Raises:
        SandboxError: naming what is wrong.
    """
    reader = READERS.get(option[0])
    problem = ""
    if reader is not None:
        try:
            reader(os.fsencode(option[1]))
        except Usage as error:
            problem = os.fsdecode(error.line())
    elif option[0] in OVERLAYS and "--overlay-src" not in prefix:
        problem = "it needs a layer: --overlay-src DIR before it"
    if problem:
        text = problem if problem.startswith(option[0]) else f"{option[0]}: {problem}"
        raise SandboxError(f"read options ({where}): {text}", "what each option takes is in bwrap(1)")
