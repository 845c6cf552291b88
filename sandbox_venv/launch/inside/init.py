"""PID 1 inside: checks the mounts, closes what isn't the program's, starts it, reaps, forwards signals.

This package stands alone and keeps to Python 3.8 syntax: on ``native`` it is called in the forked launcher, on
``bwrap`` the venv's base interpreter runs it (``plan/bundle.py``) with a descriptor of what ``Config.pack`` wrote.
The protocol is in docs/architecture.md, "Processes and their protocol".
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is a slow wrapper of
import os
import stat
import time

from .config import Config, unpack

FAILED_SETUP, FAILED_VERIFY, FAILED_LIMITS, FAILED_LANDLOCK, FAILED_SECCOMP, FAILED_CHDIR, FAILED_EXEC = range(1, 8)
READY, STOPPED, CONTINUED, ENDED, FAILED = 0x80, 0x81, 0x82, 0x83, 0x84

# The order is the protocol: message number k is SIGRTMIN + 1 + k. Numbers are Linux's, signal(7).
FORWARDED = (1, 2, 3, 10, 12, 15, 18, 28, 14, 23, 29, 26, 27, 30, 20, 21, 22)
GROUP_DELAY = 0.005  # seconds
FIRST_MESSAGE = 35  # SIGRTMIN of glibc is 34
ALL_SIGNALS = tuple(number for number in range(1, 65) if number not in (32, 33))  # glibc keeps these two

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import NoReturn


class Stop(Exception):
    """A step failed: stage, errno and the line for stderr."""

    def __init__(self, stage: int, number: int, text: bytes) -> None:
        Exception.__init__(self, text)
        self.stage = stage
        self.number = number
        self.text = text


def send(fd: int, kind: int, value: int) -> None:
    """Write one record of the protocol to the status pipe."""
    os.write(fd, bytes((kind, 0, 0, 0)) + value.to_bytes(4, "little"))


def why(error: OSError) -> bytes:
    """Return the reason in an error."""
    return (error.strerror or str(error)).encode()


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
        import ctypes
    except ImportError:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    undumpable = libc.prctl(4, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) == 0
    if not undumpable or libc.setrlimit(4, (ctypes.c_ulong * 2)(0, 0)):
        number = ctypes.get_errno()
        raise Stop(FAILED_LIMITS, number, b"hide from the program: " + os.strerror(number).encode())
    keyctl = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if keyctl:  # refused by the seccomp program where one is loaded already: then no program can use a keyring
        libc.syscall(ctypes.c_long(keyctl), ctypes.c_long(1), ctypes.c_long(0))


def set_limits(items: Sequence[bytes]) -> None:
    """Set resource limits, setrlimit(2); what is above the hard limit in force is set to that."""
    if not items:
        return
    try:
        import ctypes
    except ImportError:
        raise Stop(FAILED_LIMITS, 38, b"set limits: this interpreter has no ctypes") from None
    libc = ctypes.CDLL(None, use_errno=True)
    for item in items:
        number, soft, hard = map(int, item.replace(b"=", b":").split(b":"))
        pair = (ctypes.c_ulong * 2)()
        if not libc.getrlimit(number, pair):
            wanted = min(hard, pair[1])
            pair[0], pair[1] = min(soft, wanted), wanted
            if not libc.setrlimit(number, pair):
                continue
        code = ctypes.get_errno()
        raise Stop(FAILED_LIMITS, code, b"set limit %s: %s" % (item, os.strerror(code).encode()))


def find_program(name: bytes, env: Sequence[bytes]) -> list[bytes]:
    """Return the paths to try for ``name``, as execvp(3) does with the program's own PATH."""
    if b"/" in name:
        return [name]
    path = b"/usr/local/bin:/usr/bin:/bin"
    for item in env:
        if item.startswith(b"PATH="):
            path = item[5:]
    return [(folder or b".") + b"/" + name for folder in path.split(b":")]


def execute(config: Config) -> NoReturn:
    """Become the program. Raises :class:`Stop` with ENOENT or another errno where that isn't possible."""
    argv = config.argv
    env = {}
    for item in config.env:
        name, _, value = item.partition(b"=")
        env[name] = value
    if config.listen_fds:
        env[b"LISTEN_PID"] = b"%d" % os.getpid()
    failure: tuple[int, str] | None = None
    for path in find_program(argv[0], config.env):
        try:
            os.execve(path, argv, env)
        except OSError as error:
            if failure is None or error.errno not in (2, 20):
                failure = (error.errno or 2, error.strerror or "")
    number, reason = failure or (2, "No such file or directory")
    if number == 2 and b"/" in argv[0] and os.path.lexists(argv[0]):
        reason += " (its interpreter, named in the first line or the ELF header, isn't visible inside)"
    raise Stop(FAILED_EXEC, number, b"run %s: %s" % (argv[0], reason.encode()))


def start_program(config: Config, before_exec: Callable[[], None] | None) -> int:
    """Fork the program's process and return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        ignored = config.ignored
        for number in ALL_SIGNALS:
            if number in (9, 19):
                continue
            action = _signal.SIG_IGN if ignored >> number & 1 else _signal.SIG_DFL
            if action == _signal.SIG_IGN or _signal.getsignal(number) != _signal.SIG_DFL:
                _signal.signal(number, action)
        for fd in range(3):
            if config.closed >> fd & 1:
                os.close(fd)
        try:
            os.chdir(config.cwd[0])
        except OSError as error:
            raise Stop(FAILED_CHDIR, error.errno or 2, b"enter %s: %s" % (config.cwd[0], why(error))) from None
        set_limits(config.rlimits)
        mask = [number for number in ALL_SIGNALS if config.mask >> number & 1]
        if before_exec:
            before_exec()
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        execute(config)
    except Stop as stop:
        fail(config, stop)
    except BaseException as error:  # noqa: BLE001 - nothing may run on in this process
        fail(config, Stop(FAILED_SECCOMP, getattr(error, "errno", None) or 22, b"start program: %r" % (str(error),)))
    os._exit(125)


def fail(config: Config, stop: Stop) -> NoReturn:
    """Report a failed step: a line on stderr and a record; nothing runs."""
    try:
        os.write(2, b"sandbox-venv: " + stop.text + b"\n")
    except OSError:
        pass
    try:
        send(config.status_fd, FAILED, stop.stage << 16 | (stop.number & 0xFFFF))
    finally:
        os._exit(125)


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
        program = start_program(config, before_exec)
    except Stop as stop:
        fail(config, stop)
    except OSError as error:
        fail(config, Stop(FAILED_LIMITS, error.errno or 22, b"prepare sandbox: " + why(error)))
    os.chdir("/")
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
