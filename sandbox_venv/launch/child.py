"""A child in new namespaces, which dies with its parent and inherits nothing but what is named.

Hot: as `linux`.
"""

from __future__ import annotations

from . import linux
from .inside import ffi
from .inside.ffi import declare, failure
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LAUNCHER_FAILED = 125

_clone = declare(
    "syscall", ffi.c_long, ffi.c_ulong, ffi.c_long, ffi.c_long, ffi.c_long, ffi.c_long, python=True
)  # the child wakes up holding the interpreter's lock
_socket = declare("socket", ffi.c_int, ffi.c_int, ffi.c_int)
_ioctl = declare("ioctl", ffi.c_int, ffi.c_ulong, ffi.c_char_p)
_memset = declare("memset", ffi.c_void_p, ffi.c_int, ffi.c_ulong)
_before_fork = declare("PyOS_BeforeFork", python=True)
_after_fork_child = declare("PyOS_AfterFork_Child", python=True)
_after_fork_parent = declare("PyOS_AfterFork_Parent", python=True)


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
    error = failure() if pid < 0 else None
    _after_fork_parent()
    if error is not None:
        raise error
    return pid


def watch_self() -> tuple[int, ...]:
    """Return a descriptor by which a child sees that this process died: a pidfd, or before Linux 5.3 a pipe.

    The pipe's writing end, the second number, stays open in the parent and is closed in the child.
    """
    try:
        return (linux.pidfd_open(os.getpid()),)
    except OSError:
        return os.pipe()


def die_with_parent(alive: tuple[int, ...]) -> None:
    """Be killed when the parent dies, and now if it has died already. ``alive``: from its `watch_self`, or empty."""
    if not alive:
        return
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
    for fd in alive[1:]:
        os.close(fd)
    if linux.readable(alive[0]):
        os._exit(LAUNCHER_FAILED)


def close_others(keep_fds: Iterable[int]) -> None:
    """Close all descriptors but 0, 1, 2 and ``keep_fds``."""
    first = 3
    for fd in sorted(keep_fds):
        if fd >= first:
            linux.close_range(first, fd - 1)
            first = fd + 1
    linux.close_range(first)


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
        _memset(start, 0, end - start)


def interface_up(name: bytes) -> None:
    """Bring a network interface up. netdevice(7), SIOCSIFFLAGS with IFF_UP."""
    fd = _socket(2, 2 | os.O_CLOEXEC, 0)  # AF_INET, SOCK_DGRAM | SOCK_CLOEXEC
    if fd < 0:
        raise failure(name)
    try:
        if _ioctl(fd, 0x8914, name.ljust(16, b"\0") + linux.u32(1) + bytes(20)) < 0:
            raise failure(name)
    finally:
        os.close(fd)
