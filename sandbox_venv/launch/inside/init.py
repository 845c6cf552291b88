"""PID 1 inside: checks the mounts, closes what isn't the program's, starts it, reaps, forwards signals.

This package stands alone and keeps to Python 3.8 syntax: on ``native`` it is called in the forked launcher, on
``bwrap`` the venv's base interpreter runs it (``plan/bundle.py``) with a descriptor of what ``Config.pack`` wrote.
The protocol is in docs/architecture.md, "Processes and their protocol".
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is a slow wrapper of
import time

from .config import Config, unpack
from .program import start_program
from .protocol import (
    ALL_SIGNALS,
    CONTINUED,
    ENDED,
    FAILED_LIMITS,
    FAILED_VERIFY,
    FIRST_MESSAGE,
    FORWARDED,
    READY,
    STOPPED,
    Stop,
    fail,
    send,
    why,
)
from .system import modes as stat
from .system import os

GROUP_DELAY = 0.005  # seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import NoReturn


def verify(items: Sequence[bytes]) -> None:
    """Check that what lies at each mount point is what the launcher opened: path, device, inode in turn.

    A backend that resolves a mount point by its path could have been led through a link that another session
    planted in that moment.
    """
    for path, dev, ino in zip(items[::3], items[1::3], items[2::3]):
        try:
            found = os.stat(path)
        except OSError as error:
            raise Stop(FAILED_VERIFY, error.errno or 2, b"check mount %s: %s" % (path, why(error))) from None
        if (found.st_dev, found.st_ino) != (int(dev), int(ino)):
            raise Stop(FAILED_VERIFY, 116, b"check mount %s: it is not what was opened" % path)


def is_pipe(fd: int) -> bool:
    """Tell whether ``fd`` is open and a pipe: these stay open for the program (a jobserver's)."""
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False  # the listing's own descriptor


def open_descriptors() -> list[int]:
    """Return the numbers of the open descriptors, and one that is closed by now."""
    return [int(name) for name in os.listdir("/proc/self/fd")]


def open_pipes() -> list[int]:
    """Return the numbers of the open descriptors that are pipes."""
    return [fd for fd in open_descriptors() if is_pipe(fd)]


def close_descriptors(keep: Sequence[int]) -> None:
    """Close all but 0-2, the named ones and pipes."""
    for fd in open_descriptors():
        if fd > 2 and fd not in keep and not is_pipe(fd):
            try:
                os.close(fd)
            except OSError:
                pass


def harden() -> None:
    """Limit what a program can learn from or do to PID 1; nothing without ctypes.

    prctl(2): PR_SET_DUMPABLE 4; keyctl(2): KEYCTL_JOIN_SESSION_KEYRING 1; getrlimit(2): RLIMIT_CORE 4.
    """
    try:
        from . import ffi
    except (ImportError, AttributeError):
        return
    undumpable = ffi.declare("prctl", ffi.c_int, ffi.c_ulong, ffi.c_ulong, ffi.c_ulong, ffi.c_ulong)(4, 0, 0, 0, 0) == 0
    if not undumpable or ffi.declare("setrlimit", ffi.c_int, ffi.c_char_p)(4, bytes(16)):
        raise Stop(FAILED_LIMITS, ffi.get_errno(), b"hide from the program: " + why(ffi.failure()))
    keyctl = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if keyctl:  # refused by the seccomp program where one is loaded already: then no program can use a keyring
        ffi.declare("syscall", ffi.c_long, ffi.c_long, ffi.c_long)(keyctl, 1, 0)


def reap(config: Config, program: int) -> None:
    """Collect what ended or stopped; exit when the program itself ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:
            os._exit(125)
        if pid == 0:
            return
        if pid != program:
            continue
        if os.WIFSTOPPED(status):
            send(config.status_fd, STOPPED, os.WSTOPSIG(status))
        elif os.WIFCONTINUED(status):
            send(config.status_fd, CONTINUED, 0)
        else:
            send(config.status_fd, ENDED, status)
            os._exit(0)


def serve(config: Config, program: int) -> NoReturn:
    """Wait for signals for ever: children's ends, messages from the waiter, the group's own signals."""
    direct = [0] * 65
    passed = [0.0] * 65
    while True:
        info = _signal.sigwaitinfo(ALL_SIGNALS)
        number = info.si_signo
        if number == 17:  # SIGCHLD
            reap(config, program)
        elif number in FORWARDED:
            if info.si_pid == 0:  # from outside this PID namespace: it went to the whole group
                direct[number] += 1
        elif 0 <= number - FIRST_MESSAGE < len(FORWARDED):
            number = FORWARDED[number - FIRST_MESSAGE]
            if not direct[number] and is_repeated(number, passed):
                continue
            if direct[number]:
                direct[number] -= 1
            else:
                os.kill(program, number)


def is_repeated(number: int, passed: list[float]) -> bool:
    """Tell whether a message is the echo of what reached the program anyway a moment ago.

    timeout(1) and shells send to the launcher's pid and then to its group: two signals that a plain program sees
    as one, since the second finds the first still pending. So a message waits a moment for the group's signal, and
    is dropped within a moment of the one before.
    """
    info = _signal.sigtimedwait((number,), GROUP_DELAY)
    now = time.monotonic()
    repeated = now - passed[number] < 4 * GROUP_DELAY or (info is not None and info.si_pid == 0)
    passed[number] = now
    return repeated


def run(config: Config, landlock: ModuleType | None, before_exec: Callable[[], None] | None = None) -> NoReturn:
    """Be PID 1 until the program ends; never returns.

    Args:
        config: what it is told.
        landlock: the module next to this one, or None.
        before_exec: called last in the program's process (loads the seccomp programs on ``native``).
    """
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ALL_SIGNALS)
    try:
        verify(config.verify)
        if config.spare_fd:
            os.close(config.spare_fd)
        close_descriptors([config.status_fd] + [int(fd) for fd in config.keep])
        os.set_inheritable(config.status_fd, False)  # a pipe, and none of the program's: it could forge its own end
        send(config.status_fd, READY, 0)  # fails where the waiter was killed before bwrap could be told to die with it
        harden()
        if landlock is not None and (config.nested or not landlock.restrict_reopen()):
            landlock.scope()
        os.chdir("/")  # before the program is there: what fails now starts none
        program = start_program(config, before_exec)
    except Stop as stop:
        fail(config, stop)
    except OSError as error:
        fail(config, Stop(FAILED_LIMITS, error.errno or 22, b"prepare sandbox: " + why(error)))
    serve(config, program)


def main(fd: int) -> NoReturn:
    """Read the configuration from ``fd`` (a memfd) and be PID 1."""
    data = b""
    while True:
        chunk = os.pread(fd, 1 << 20, len(data))
        if not chunk:
            break
        data += chunk
    try:
        from . import landlock
    except (ImportError, AttributeError):  # an interpreter without ctypes
        run(unpack(data), None)
    run(unpack(data), landlock)
