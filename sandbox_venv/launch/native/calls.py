"""System calls that only this backend makes: processes, signals, the environment, exec."""

from __future__ import annotations

from ..inside import ffi
from ..inside.ffi import declare, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

_int, _bytes, _pointer = ffi.c_int, ffi.c_char_p, ffi.c_void_p
_signal = declare("signal", _int, _pointer, restype=_pointer)
_sigprocmask = declare("sigprocmask", _int, _bytes, _pointer)
_getenv = declare("getenv", _bytes, restype=_bytes)
_clearenv = declare("clearenv")
_execvp = declare("execvp", _bytes, _pointer)
_fcntl = declare("fcntl", _int, _int, _bytes)


def default_signals(*numbers: int) -> None:
    """Give signals their default action again, in the C library's table, which exec(2) leaves as it is. signal(2)."""
    for number in numbers:
        _signal(number, None)  # SIG_DFL


def undo_handler(number: int) -> None:
    """Give a signal its default action again, unless it was ignored when this process started."""
    if _signal(number, None) == 1:  # SIG_IGN
        _signal(number, 1)


def unblock_signal(number: int) -> None:
    """Take a signal out of the mask. sigprocmask(2), SIG_UNBLOCK."""
    if _sigprocmask(1, (1 << (number - 1)).to_bytes(128, "little"), None) < 0:
        raise failure()


def getenv(name: bytes) -> bytes | None:
    """getenv(3): the C library's environment, which os.putenv(), os.unsetenv() and clearenv() change."""
    value: bytes | None = _getenv(name)
    return value


def clearenv() -> None:
    """clearenv(3)."""
    if _clearenv() != 0:
        raise failure()


def argument_array(argv: list[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    """Return ``argv`` for execvp(), made before a seccomp filter limits what the interpreter can do."""
    return (_bytes * (len(argv) + 1))(*argv, None)


def execvp(path: bytes, argv: ctypes.Array[ctypes.c_char_p]) -> None:
    """Execute with the C library's environment; a script without ``#!`` is run by /bin/sh. Returns never. execvp(3)."""
    _execvp(path, argv)
    raise failure(path)


def read_lock(fd: int) -> None:
    """Take a shared lock on a whole file, or fail at once. fcntl(2), F_SETLK of F_RDLCK, which is all zeros."""
    if _fcntl(fd, 6, bytes(32)) < 0:
        raise failure()
