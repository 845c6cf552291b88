"""What goes wrong before a program runs: one line, a hint, status 125, and no program."""

from __future__ import annotations

import os

from .waiter import end_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


class LaunchError(Exception):
    """A start that is refused: one line of bytes, and a hint."""

    def __init__(self, line: bytes, hint: bytes = b"") -> None:
        super().__init__(line)
        self.line = line
        self.hint = hint


def complain(line: bytes, hint: bytes = b"") -> None:
    """Write one line, and a hint line, to stderr."""
    text = b"sandbox-venv: " + line + b"\n"
    if hint:
        text += b"hint: " + hint + b"\n"
    try:
        os.write(2, text)
    except OSError:
        pass


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
        complain(b"start sandbox: out of memory")
    except BaseException as error:  # fail closed, in one line
        if os.environb.get(b"SANDBOX_DEBUG"):
            raise
        complain(b"start sandbox: %s: %s" % (type(error).__name__.encode(), os.fsencode(str(error))))
    os._exit(125)
