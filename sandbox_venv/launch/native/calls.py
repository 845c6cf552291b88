"""System calls that only this backend makes: processes, signals, the environment, exec."""

from __future__ import annotations

import ctypes
import os

from .. import linux
from ..linux import declare

_int, _long, _ulong, _bytes = ctypes.c_int, ctypes.c_long, ctypes.c_ulong, ctypes.c_char_p
_signal = declare("signal", _int, ctypes.c_void_p, restype=ctypes.c_void_p)
_sigprocmask = declare("sigprocmask", _int, _bytes, ctypes.c_void_p)
_getenv = declare("getenv", _bytes, restype=_bytes)
_clearenv = declare("clearenv")
_execvp = declare("execvp", _bytes, ctypes.POINTER(_bytes))
_fcntl = declare("fcntl", _int, _int, _bytes)
_socket = declare("socket", _int, _int, _int)
_ioctl = declare("ioctl", _int, _ulong, _bytes)
_python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter lock, so the child wakes up holding it
_clone = _python["syscall"]
_clone.argtypes = (_long, _ulong, _long, _long, _long, _long)
_clone.restype = _long
_before_fork, _after_fork_child, _after_fork_parent = (
    _python["PyOS_BeforeFork"],
    _python["PyOS_AfterFork_Child"],
    _python["PyOS_AfterFork_Parent"],
)
for _function in (_before_fork, _after_fork_child, _after_fork_parent):
    _function.argtypes, _function.restype = (), None


def clone(flags: int) -> int:
    """Do as os.fork() does, with the child in the new namespaces of ``flags``. clone(2), no CLONE_VM.

    One call instead of fork, unshare, fork: the child is the caller's own child, and PID 1 where CLONE_NEWPID is
    given. CPython's own hooks are called around it, as os.fork() does.
    """
    _before_fork()
    pid: int = _clone(linux.NR["clone"], flags | linux.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        _after_fork_child()
        return 0
    error = linux.failure() if pid < 0 else None
    _after_fork_parent()
    if error is not None:
        raise error
    return pid


def interface_up(name: bytes) -> None:
    """Bring a network interface up. netdevice(7), SIOCSIFFLAGS with IFF_UP."""
    fd = _socket(2, 2 | os.O_CLOEXEC, 0)  # AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    if fd < 0:
        raise linux.failure(name)
    try:
        if _ioctl(fd, 0x8914, name.ljust(16, b"\0") + linux.u32(1) + bytes(20)) < 0:
            raise linux.failure(name)
    finally:
        os.close(fd)


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
        raise linux.failure()


def getenv(name: bytes) -> bytes | None:
    """getenv(3): the C library's environment, which os.putenv(), os.unsetenv() and clearenv() change."""
    value: bytes | None = _getenv(name)
    return value


def clearenv() -> None:
    """clearenv(3)."""
    if _clearenv() != 0:
        raise linux.failure()


def argument_array(argv: list[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    """Return ``argv`` for execvp(), made before a seccomp filter limits what the interpreter can do."""
    return (ctypes.c_char_p * (len(argv) + 1))(*argv, None)


def execvp(path: bytes, argv: ctypes.Array[ctypes.c_char_p]) -> None:
    """Execute with the C library's environment; a script without ``#!`` is run by /bin/sh. Returns never. execvp(3)."""
    _execvp(path, argv)
    raise linux.failure(path)


def read_lock(fd: int) -> None:
    """Take a shared lock on a whole file, or fail at once. fcntl(2), F_SETLK of F_RDLCK, which is all zeros."""
    if _fcntl(fd, 6, bytes(32)) < 0:
        raise linux.failure()


def environ_block() -> tuple[int, int]:
    """Return start and end of the memory that /proc/self/environ shows. proc_pid_stat(5), fields 50 and 51."""
    with open("/proc/self/stat", "rb", buffering=0) as stat:
        fields = (stat.readall() or b"").rpartition(b")")[2].split()
    return int(fields[47]), int(fields[48])


def wipe_environ_block(block: tuple[int, int] | None = None) -> None:
    """Overwrite the environment that this process was started with, so /proc/PID/environ shows nothing of it.

    ``os.environ`` keeps its copy; C's getenv(3) finds nothing any more.

    Args:
        block: what environ_block() returned before /proc went away, in this process or its parent.
    """
    start, end = block or environ_block()
    if start and end > start:
        ctypes.memset(start, 0, end - start)
