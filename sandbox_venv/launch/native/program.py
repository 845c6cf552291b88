"""The last steps of bwrap's child: the command's directory, its filters, exec; and the process above it."""

from __future__ import annotations

import os
import sys

from .. import linux
from ..child import close_others
from . import calls
from .failure import Failure
from .options import Options
from .privileges import drop_caps
from .spawn import report
from .status import StatusFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SIGCHLD = 17  # signal(7)
FAILED = 1
EINVAL = 22  # errno(3)


def change_directory(options: Options, cwd: bytes) -> bytes:
    """Go where --chdir says, to the caller's directory, or home, and return the value for PWD."""
    if options.chdir is not None:
        try:
            os.chdir(options.chdir)
        except OSError as error:
            raise Failure(b"Can't chdir to " + options.chdir, error.errno or 0) from None
        return options.chdir
    for directory in (cwd, calls.getenv(b"HOME")):
        if directory:
            try:
                os.chdir(directory)
            except OSError:
                continue
            return directory
    return b"/"


def execute(options: Options, files: StatusFiles) -> NoReturn:
    """Become the command."""
    if options.sync_fd >= 0 and not options.as_pid_1:
        linux.close_range(options.sync_fd, options.sync_fd)  # which need not be open
    calls.unblock_signal(SIGCHLD)
    if options.die_with_parent:
        linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
    linux.raise_ambient(options.caps)
    path, command = own_command(options.command)
    if options.argv0 is not None:
        command[0] = options.argv0
    argv = calls.argument_array(command)
    apply_seccomp(options.seccomp)
    files.setup_finished()
    try:
        calls.execvp(path, argv)
    except OSError as error:
        files.setup_finished()
        report(options, Failure(b"execvp " + path, error.errno or 0))
    os._exit(FAILED)


def apply_seccomp(programs: list[bytes]) -> None:
    """Load filters, in their order."""
    for program in programs:
        try:
            linux.seccomp_filter(program)
        except OSError as error:
            if error.errno == EINVAL:
                text = b"Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL."
                hint = b" (Hint: the kernel needs CONFIG_SECCOMP_FILTER, and the program must be a valid one.)"
                raise Failure(text + hint) from None
            raise Failure(b"prctl(PR_SET_SECCOMP)", error.errno or 0) from None


def reap(options: Options, writer: int, program: int) -> NoReturn:
    """Be the process above the command: hold the locks, reap, and write to ``writer`` how the command ended."""
    drop_caps(options, keep=False)
    close_all_but(writer, options.sync_fd)
    for path in options.lock_files:
        take_lock(path)
    if options.die_with_parent:
        linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
    apply_seccomp(options.seccomp)
    result = FAILED
    while True:
        try:
            died, status = os.wait()
        except ChildProcessError:
            os._exit(result)
        if died == program:
            result = shell_status(status)
            if writer >= 0:
                try:
                    os.write(writer, bytes((result,)))
                except OSError:
                    pass  # nobody is left to be told


def own_command(command: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Return path and arguments to execute. /proc/self/exe means bwrap to bwrap's users: this program, not Python."""
    if command[0] != b"/proc/self/exe":
        return command[0], list(command)
    mine = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    return command[0], [os.fsencode(argument) for argument in mine] + command[1:]


def shell_status(status: int) -> int:
    """Return a wait status as shells number it: 128 and the signal for a death by signal."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def take_lock(path: bytes) -> None:
    """Take a shared lock, for as long as this process lives."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Failure(b"Unable to open lock file " + path, error.errno or 0) from None
    try:
        calls.read_lock(fd)
    except OSError as error:
        raise Failure(b"Unable to lock file " + path, error.errno or 0) from None


def close_all_but(*keep: int) -> None:
    """Close all descriptors but 0, 1, 2 and ``keep`` (-1 counts as none)."""
    close_others([fd for fd in keep if fd >= 0])
