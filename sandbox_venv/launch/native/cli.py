"""``bwrap`` itself: the process outside, the reaper inside, and the command, with bwrap's messages and statuses."""

from __future__ import annotations

import os
import sys

from .. import linux
from . import calls
from .failure import Failure, Usage
from .options import Options
from .parser import parse
from .privileges import drop_caps
from .setup import Setup
from .spawn import clone_child, close_others, die_with_parent, report, watch_self
from .status import StatusFiles
from .table import Exit, seccomp_program
from .usage import VERSION, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .pidns import PidChannel

SIGINT, SIGPIPE, SIGCHLD, SIGXFSZ = 2, 13, 17, 25  # signal(7)
FAILED = 1
EINVAL, ECHILD = 22, 10  # errno(3)


def main() -> NoReturn:
    """Be bwrap, with this process's arguments. Ends the process."""
    restore_what_python_changed()
    argv = [os.fsencode(argument) for argument in sys.argv[1:]]
    options = Options(as_bwrap=True)
    try:
        status = run(options, argv)
    except Exit as exit_:
        os.write(1, VERSION if str(exit_) == "version" else usage(own_name()))
        status = 0
    except Usage as error:
        if error.text:
            report(options, error)
        else:
            os.write(2, usage(own_name()))
        status = FAILED
    except BaseException as error:  # noqa: BLE001 - whatever it is: one line, status 1
        report(options, error)
        status = FAILED
    os._exit(status)


def run(options: Options, argv: list[bytes]) -> int:
    """Run the sandbox that ``argv`` asks for; return its status."""
    if argv == [b"--version"]:
        raise Exit("version")
    if options.real_uid != 0 and linux.capget()[1]:
        raise Usage(b"Unexpected capabilities but not setuid, old file caps config?")
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    return Sandbox(parse(argv, options)).run()


def restore_what_python_changed() -> None:
    """Undo what the interpreter did to signals and, in the C locale, to the environment (PEP 538)."""
    calls.default_signals(SIGPIPE, SIGXFSZ, SIGCHLD)
    if sys.flags.no_site or calls.getenv(b"LC_CTYPE") is not None:
        with open("/proc/self/environ", "rb", buffering=0) as started_with:
            names = {line.partition(b"=")[0] for line in (started_with.readall() or b"").split(b"\0")}
        if b"LC_CTYPE" not in names:
            os.unsetenv(b"LC_CTYPE")


def own_name() -> bytes:
    """Return the name that this program was started by, for the usage text.

    That is argv[0] (`exec -a "$0" python3 -m …` in a wrapper script), unless it is the interpreter's own; then what
    the shell that started a wrapper left in `$_`, where that names a script which starts this module.
    """
    name = os.fsencode(sys.orig_argv[0])
    if not os.path.basename(name).startswith(b"python"):
        return name
    script = os.environb.get(b"_", b"")
    try:
        with open(script, "rb") as file:
            if b"sandbox_venv.launch.native" in file.read(4096):
                return script
    except (OSError, ValueError):
        pass
    return b"bwrap"


class Sandbox:
    """One run of bwrap."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.cwd = b""
        self.release: tuple[int, int] = (-1, -1)
        self.exit_pipe: tuple[int, int] = (-1, -1)
        self.channel: PidChannel | None = None

    def run(self) -> int:
        """Return the exit status; in the children, don't return."""
        options = self.options
        self._apply_env_ops()
        self.files = StatusFiles(options)
        if options.unshare_pid and not options.as_pid_1:
            self.exit_pipe = os.pipe()
        self.release = os.pipe()
        if options.userns_fd >= 0:
            self._join_user_namespace()
        if options.pidns_fd >= 0:
            from .pidns import PidChannel

            self.channel = PidChannel()
        try:
            self.cwd = os.getcwdb()
        except OSError:
            self.cwd = b""
        alive = watch_self() if options.die_with_parent else ()
        pid = clone_child(options)
        if pid:
            return self._monitor(pid)
        try:
            die_with_parent(alive)
            self._child()
        except BaseException as error:  # noqa: BLE001 - nothing may get past this line
            report(options, error)
        os._exit(FAILED)

    def _apply_env_ops(self) -> None:
        for operation, *values in self.options.env_ops:
            if operation == b"set":
                os.putenv(*values)
            elif operation == b"unset":
                os.unsetenv(*values)
            else:
                calls.clearenv()

    def _join_user_namespace(self) -> None:
        try:
            linux.setns(self.options.userns_fd, linux.CLONE_NEWUSER)
        except OSError as error:
            if error.errno == EINVAL:
                text = b"Joining the specified user namespace failed, it might not be a descendant of the current "
                raise Failure(text + b"user namespace.") from None
            raise Failure(b"Joining specified user namespace failed", error.errno or 0) from None

    # --- outside ---

    def _monitor(self, pid: int) -> int:
        """Tell who asked what was made, let the child go on, and wait for how it ends."""
        options = self.options
        if self.channel is not None:
            pid = self.channel.receive()
        self.files.read_namespaces(pid)
        if options.userns2_fd >= 0:
            try:
                linux.setns(options.userns2_fd, linux.CLONE_NEWUSER)
            except OSError as error:
                raise Failure(b"Setting userns2 failed", error.errno or 0) from None
        drop_caps(options, keep=False)
        linux.set_dumpable(True)
        if options.die_with_parent:
            linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
        self.files.write_start(pid)
        if options.userns_block_fd >= 0:
            wait_for_byte(options.userns_block_fd)
        os.write(self.release[1], b"\0")
        close_all_but(self.exit_pipe[0], *self.files.needed_at_the_end())
        if self.exit_pipe[0] >= 0:
            calls.undo_handler(SIGINT)
            record = os.read(self.exit_pipe[0], 8)
            if record:
                return self._ended(record[0])
        calls.undo_handler(SIGINT)
        while True:
            died, status = os.wait()
            if died == pid:
                return self._ended(shell_status(status))

    def _ended(self, status: int) -> int:
        self.files.write_end(status)
        return status

    # --- inside ---

    def _child(self) -> None:
        options = self.options
        calls.undo_handler(SIGINT)
        if self.channel is not None:
            self.channel.enter(options.pidns_fd, options.unshare_pid)
        self.files.close_in_child()
        os.close(self.release[1])
        if not os.read(self.release[0], 1):
            os._exit(FAILED)  # the process outside has died
        os.close(self.release[0])
        Setup(options).run()
        if options.block_fd >= 0:
            wait_for_byte(options.block_fd)
        if options.seccomp_fd >= 0:
            options.seccomp.append(seccomp_program(options.seccomp_fd))
        os.putenv(b"PWD", self._change_directory())
        if options.new_session:
            try:
                os.setsid()
            except OSError as error:
                raise Failure(b"setsid", error.errno or 0) from None
        if options.needs_reaper:
            program = os.fork()
            if program:
                self._reap(program)
        self._execute()

    def _change_directory(self) -> bytes:
        options = self.options
        if options.chdir is not None:
            try:
                os.chdir(options.chdir)
            except OSError as error:
                raise Failure(b"Can't chdir to " + options.chdir, error.errno or 0) from None
            return options.chdir
        for directory in (self.cwd, calls.getenv(b"HOME")):
            if directory:
                try:
                    os.chdir(directory)
                except OSError:
                    continue
                return directory
        return b"/"

    def _execute(self) -> NoReturn:
        options = self.options
        if options.sync_fd >= 0 and not options.as_pid_1:
            os.close(options.sync_fd)
        calls.unblock_signal(SIGCHLD)
        if options.die_with_parent:
            linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
        linux.raise_ambient(options.caps)
        path, command = own_command(options.command)
        if options.argv0 is not None:
            command[0] = options.argv0
        argv = calls.argument_array(command)
        self._apply_seccomp()
        self.files.setup_finished()
        try:
            calls.execvp(path, argv)
        except OSError as error:
            self.files.setup_finished()
            report(options, Failure(b"execvp " + path, error.errno or 0))
        os._exit(FAILED)

    def _apply_seccomp(self) -> None:
        for program in self.options.seccomp:
            try:
                linux.seccomp_filter(program)
            except OSError as error:
                if error.errno == EINVAL:
                    text = (
                        b"Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL."
                    )
                    hint = b" (Hint: the kernel needs CONFIG_SECCOMP_FILTER, and the program must be a valid one.)"
                    raise Failure(text + hint) from None
                raise Failure(b"prctl(PR_SET_SECCOMP)", error.errno or 0) from None

    def _reap(self, program: int) -> NoReturn:
        """Be the process above the command: hold the locks, reap, and say how the command ended."""
        options = self.options
        drop_caps(options, keep=False)
        close_all_but(self.exit_pipe[1], options.sync_fd)
        for path in options.lock_files:
            take_lock(path)
        if options.die_with_parent:
            linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL)
        self._apply_seccomp()
        result = FAILED
        while True:
            try:
                died, status = os.wait()
            except ChildProcessError:
                os._exit(result)
            if died == program:
                result = shell_status(status)
                if self.exit_pipe[1] >= 0:
                    try:
                        os.write(self.exit_pipe[1], bytes((result,)))
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


def wait_for_byte(fd: int) -> None:
    """Wait until ``fd`` gives a byte or ends, and close it."""
    try:
        os.read(fd, 1)
        os.close(fd)
    except OSError:
        pass  # as bwrap: a descriptor that can't be read blocks nothing


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
