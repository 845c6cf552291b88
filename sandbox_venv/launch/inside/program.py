"""The program's process: started by init, with nothing but what is the program's. Stands alone."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is a slow wrapper of

from .protocol import ALL_SIGNALS, FAILED_CHDIR, FAILED_EXEC, FAILED_LIMITS, FAILED_SECCOMP, Stop, fail, why
from .system import os

ABOUT_THE_FILE = (2, 7, 8, 13, 20, 21, 22, 26, 36, 40, 80)
"""What execve(2) alone says: ENOENT, E2BIG, ENOEXEC, EACCES, ENOTDIR, EISDIR, EINVAL, ETXTBSY, ENAMETOOLONG, ELOOP,
ELIBBAD. The others may be clone(2)'s, too: no process could be started."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .config import Config


def set_limits(items: Sequence[bytes]) -> None:
    """Set resource limits, setrlimit(2); what is above the hard limit in force is set to that."""
    if not items:
        return
    try:
        from . import ffi
    except (ImportError, AttributeError):
        raise Stop(FAILED_LIMITS, 38, b"set limits: this interpreter has no ctypes") from None
    getrlimit = ffi.declare("getrlimit", ffi.c_int, ffi.c_void_p)
    setrlimit = ffi.declare("setrlimit", ffi.c_int, ffi.c_char_p)
    for item in items:
        number, soft, hard = map(int, item.replace(b"=", b":").split(b":"))
        pair = ffi.buffer(16)
        if not getrlimit(number, pair):
            wanted = min(hard, int.from_bytes(pair.raw[8:], "little"))
            limits = min(soft, wanted).to_bytes(8, "little") + wanted.to_bytes(8, "little")
            if not setrlimit(number, limits):
                continue
        code = ffi.get_errno()
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


def execute(config: Config, start: Callable[[bytes], int]) -> int:
    """Return what ``start`` makes of the program's path.

    Raises:
        Stop: there is no such program, or it can't be executed.
    """
    argv = config.argv
    failure = 0
    for path in find_program(argv[0], config.env):
        try:
            return start(path)
        except OSError as error:
            if not failure or error.errno not in (2, 20):
                failure = error.errno or 2
    number = failure or 2
    is_there = b"/" in argv[0] and os.path.lexists(argv[0])
    raise Stop(FAILED_EXEC, number, cannot_execute(argv[0], number, is_there=is_there))


def cannot_execute(path: bytes, number: int, *, is_there: bool) -> bytes:
    """Return the line for a program that can't be executed."""
    reason = os.strerror(number)
    if number == 2 and is_there:
        reason += " (its interpreter, named in the first line or the ELF header, isn't visible inside)"
    return b"run %s: %s" % (path, reason.encode())


def enter(config: Config) -> None:
    """Go to the program's directory."""
    try:
        os.chdir(config.cwd[0])
    except OSError as error:
        raise Stop(FAILED_CHDIR, error.errno or 2, b"enter %s: %s" % (config.cwd[0], why(error))) from None


def program_environ(config: Config) -> dict[bytes, bytes]:
    """Return the program's environment as exec(2) wants it here."""
    return {name: value for name, _, value in [item.partition(b"=") for item in config.env]}


def spawn_program(config: Config, before_exec: Callable[[], None] | None) -> int:
    """Start the program as vfork(2) does, which copies nothing of this process; return its pid.

    It starts with what this process has: its directory, its seccomp programs.
    """
    ignored = config.ignored
    defaults = [n for n in ALL_SIGNALS if not ignored >> n & 1 and _signal.getsignal(n) != _signal.SIG_DFL]
    mask = [number for number in ALL_SIGNALS if config.mask >> number & 1]
    actions = [(os.POSIX_SPAWN_CLOSE, fd) for fd in range(3) if config.closed >> fd & 1]
    env = program_environ(config)
    enter(config)
    if before_exec:
        before_exec()

    def spawn(path: bytes) -> int:
        try:
            return os.posix_spawn(path, config.argv, env, file_actions=actions, setsigmask=mask, setsigdef=defaults)
        except OSError as error:
            if error.errno in ABOUT_THE_FILE:
                raise
            raise Stop(FAILED_LIMITS, error.errno or 22, b"start %s: %s" % (path, why(error))) from None

    return execute(config, spawn)


def fork_program(config: Config, before_exec: Callable[[], None] | None) -> int:
    """Fork the program's process, which has limits or a variable of its own, and return its pid."""
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
        enter(config)
        set_limits(config.rlimits)
        mask = [number for number in ALL_SIGNALS if config.mask >> number & 1]
        if before_exec:
            before_exec()
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        env = program_environ(config)
        if config.listen_fds:
            env[b"LISTEN_PID"] = b"%d" % os.getpid()
        execute(config, lambda path: os.execve(path, config.argv, env))
    except Stop as stop:
        fail(config, stop)
    except BaseException as error:  # noqa: BLE001 - nothing may run on in this process
        fail(config, Stop(FAILED_SECCOMP, getattr(error, "errno", None) or 22, b"start program: %r" % (str(error),)))
    os._exit(125)


def start_program(config: Config, before_exec: Callable[[], None] | None) -> int:
    """Start the program; return its pid.

    Raises:
        Stop: that can't be.
    """
    if config.rlimits or config.listen_fds or not hasattr(os, "posix_spawn"):
        return fork_program(config, before_exec)
    return spawn_program(config, before_exec)
