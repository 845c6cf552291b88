"""What goes wrong before a program runs: one line, a hint, status 125, and no program."""

from __future__ import annotations

from .inside.system import os
from .waiter import end_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


MORE_FILES = b"allow more open files: ulimit -n 1024; where the hard limit (ulimit -Hn) is lower: --backend bwrap"


class LaunchError(Exception):
    """A start that is refused: one line of bytes, and a hint."""

    def __init__(self, line: bytes, hint: bytes = b"") -> None:
        super().__init__(line)
        self.line = line
        self.hint = hint


def one_line(text: bytes) -> bytes:
    """Return ``text`` with what a terminal would obey spelled out: paths may hold any byte."""
    from ..errors import one_line as spelled_out

    return os.fsencode(spelled_out(os.fsdecode(text)))


def complain(line: bytes, hint: bytes = b"") -> None:
    """Write one line, and a hint line, to stderr."""
    text = b"sandbox-venv: " + one_line(line) + b"\n"
    if hint:
        text += b"hint: " + one_line(hint) + b"\n"
    try:
        os.write(2, text)
    except OSError:
        pass


def hint_for(error: BaseException) -> bytes:
    """Return what to do about an error that says nothing but its errno(3)."""
    number = getattr(error, "errno", None)
    if number in (23, 24):  # ENFILE, EMFILE
        return MORE_FILES
    if number in (11, 12):  # EAGAIN, ENOMEM
        return b"memory or processes are short: try again; limits are in ulimit -u, ulimit -v and the cgroup's files"
    if number in (28, 122):  # ENOSPC, EDQUOT
        return b"make room on that disk and try again; nothing was changed"
    if number in (2, 20, 40):  # ENOENT, ENOTDIR, ELOOP
        return b"if it moved or was replaced, run `sandbox-venv wrap` again"
    return b"see what this machine lacks: sandbox-venv doctor"


def guarded(start: Callable[..., None], *args: object) -> NoReturn:
    """Call ``start``; whatever goes wrong in it is one line and status 125, and no program runs."""
    from ..errors import SandboxError

    try:
        start(*args)
    except LaunchError as error:
        complain(error.line, error.hint)
    except SandboxError as error:
        complain(os.fsencode(error.message), os.fsencode(error.hint or ""))
        os._exit(error.status)
    except KeyboardInterrupt:
        end_like(2)
    except MemoryError:
        complain(b"start sandbox: out of memory", b"allow more: ulimit -v, or the cgroup's memory.max")
    except BaseException as error:  # fail closed, in one line
        if os.environb.get(b"SANDBOX_DEBUG"):
            raise
        complain(b"start sandbox: %s: %s" % (type(error).__name__.encode(), os.fsencode(str(error))), hint_for(error))
    os._exit(125)
