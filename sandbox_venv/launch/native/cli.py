"""``bwrap`` itself: the process outside, the reaper inside, and the command, with bwrap's messages and statuses."""

from __future__ import annotations

import os
import sys

from .. import linux
from ..child import die_with_parent, watch_self
from . import calls
from .failure import Failure, Usage
from .options import Options
from .parser import parse
from .privileges import drop_caps
from .program import FAILED, change_directory, close_all_but, execute, reap, shell_status
from .setup import Setup
from .spawn import clone_child, report, wait_for_byte
from .status import StatusFiles
from .table import Exit, seccomp_program
from .usage import VERSION, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .pidns import PidChannel

SIGINT, SIGPIPE, SIGCHLD, SIGXFSZ = 2, 13, 17, 25  # signal(7)
EINVAL = 22  # errno(3)


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
        os.putenv(b"PWD", change_directory(options, self.cwd))
        if options.new_session:
            try:
                os.setsid()
            except OSError as error:
                raise Failure(b"setsid", error.errno or 0) from None
        if options.needs_reaper:
            program = os.fork()
            if program:
                reap(options, self.exit_pipe[1], program)
        execute(options, self.files)
