"""One start: what a plan and a call make together.

Hot, as `main`.
"""

from __future__ import annotations

from . import environ, outside, planfile, slots
from .choose import load, plan_path
from .failure import LaunchError, hint_for
from .inside.config import Config
from .inside.init import open_pipes
from .inside.system import modes as stat
from .inside.system import os
from .waiter import UNFIT, Waiter, ignored_signals

KILLED = (9, 137 << 8)
"""Wait statuses that an out-of-memory kill leads to: the program's own, and a shell's about its last command."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .portal import Proxy


def standard_descriptors() -> int:
    """Make 0-2 usable; return a bit set of those the caller had closed. A directory among them is refused."""
    closed = 0
    for fd in range(3):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            os.set_inheritable(os.open(b"/dev/null", os.O_RDWR), True)  # the lowest free number: this one
            closed |= 1 << fd
            continue
        if stat.S_ISDIR(mode):
            line = b"start sandbox: descriptor %d is a directory, a way out of any sandbox" % fd
            raise LaunchError(line, b"start it with another one there: %d</dev/null" % fd)
    return closed


def current_directory() -> bytes:
    """Return the caller's directory."""
    try:
        return os.getcwdb()
    except OSError:
        raise LaunchError(b"start sandbox: the current directory is gone", b"start it in another one: cd") from None


class Session:
    """One start: what a plan and a call make together."""

    def __init__(self, plan: planfile.Plan, argv: list[bytes], *, mask: int, path_first: bool = False) -> None:
        self.plan = plan
        self.argv = argv
        self.env = environ.own_environ(os.environb)
        environ.refuse_loaded(self.env, plan.meta.get(b"refused-env", b"").split())
        self.cwd = current_directory()
        self.slots = self.new_slots()
        self.mask = mask
        self.ignored = ignored_signals()
        self.path_first = path_first
        self.closed = standard_descriptors()
        self.proxy: Proxy | None = None
        self.merged = False

    def environment(self) -> list[bytes]:
        """Return the program's environment as NAME=VALUE."""
        rules = list(zip(self.plan.env[::2], self.plan.env[1::2]))
        dotenv = {}
        for rule, value in rules:
            if rule == b"dotenv":
                name, _, text = value.partition(b"=")
                dotenv[name] = text
        rules = [pair for pair in rules if pair[0] != b"dotenv"]
        env = self.env
        if b"admit" in self.plan.meta:
            env = {**env, b"SANDBOX_ENV": env.get(b"SANDBOX_ENV", b"") + b" " + self.plan.meta[b"admit"]}
        passed = environ.filter_environ(env, environ.parent_environ(os.getppid()), rules, dotenv)
        if self.path_first:
            path = self.plan.meta[b"bin"]
            passed[b"PATH"] = path + b":" + passed[b"PATH"] if b"PATH" in passed else path
        if self.keep():
            passed[b"LISTEN_FDS"] = self.env[b"LISTEN_FDS"]
        passed[b"PWD"] = self.directory()
        return [b"%s=%s" % pair for pair in passed.items()]

    def directory(self) -> bytes:
        """Return the program's working directory."""
        return self.plan.meta.get(b"chdir") or self.cwd

    def keep(self) -> list[bytes]:
        """Return the descriptors that stay open by name."""
        named = self.plan.meta.get(b"keep-fd", b"").split()
        return named + environ.listen_descriptors(self.env)

    def options(self, *, whole: bool = True) -> list[bytes]:
        """Return the list of bubblewrap options; opens the slots' sources.

        ``whole``: with all of BASE, even where a ready-made root could take its place; else `merged` says what it is.
        """
        try:
            self._fill_slots()
        except slots.TooManyError:
            self._compile_again()
        known = len(self.slots.options)
        closing = outside.add(self.plan, self.slots, self.argv, self.cwd)
        brought = self.slots.options[known:]
        if b"env-files" in self.plan.meta:
            from . import desktop

            closing += desktop.add_files(self.plan, self.slots, self.env)
        if b"dbus-proxy" in self.plan.meta:
            from . import portal

            self.proxy = portal.add(self.plan, self.slots, self.env)
        base, late = self.plan.base, []
        if not whole and outside.fits_records(self.plan, brought, self.cwd):
            from . import bwrap

            self.merged = bwrap.lock_root(self.plan)
            if self.merged:
                base, late = bwrap.said(self.plan, b"R"), bwrap.said(self.plan, b"A")
        return base + self.slots.options + closing + late + self.plan.tail

    def new_slots(self) -> slots.Slots:
        """Return slots that nothing is in yet."""
        return slots.Slots(self.plan.protect, self.plan.meta.get(b"nested-names", b"").split(b"\1"))

    def _fill_slots(self) -> None:
        """Fill the plan's slots anew: an attempt before may have left some open."""
        self.slots.close()
        self.slots = self.new_slots()
        self.slots.fill(self.plan.slots)

    def _compile_again(self) -> None:
        """Compile the plan with all that there is to protect by now, and fill its slots."""
        meta = self.plan.meta
        try:
            os.unlink(plan_path(meta[b"dir"], meta[b"kind"], meta[b"variant"]))
        except FileNotFoundError:
            pass
        self.plan = load(meta[b"dir"], meta[b"kind"], meta[b"variant"])
        try:
            self._fill_slots()
        except slots.TooManyError:
            line = b"protect what host tools obey in %s: too many repositories, venvs and settings" % meta[b"project"]
            raise LaunchError(
                line,
                b"remove those that a session made (sandbox-venv status lists them), or move them out of the project",
            ) from None

    def config(self, writer: int) -> Config:
        """Return what init is told."""
        config = Config()
        config.status_fd = writer
        config.ignored, config.mask, config.closed = self.ignored, self.mask, self.closed
        config.keep = self.keep()
        config.listen_fds = int(b"LISTEN_FDS" in self.env and bool(config.keep))
        config.spare_fd = 0
        config.nested = int(b"nested" in self.plan.meta)
        config.env = self.environment()
        config.argv = self.argv
        config.verify = self.slots.verify
        config.cwd = [self.directory()]
        config.rlimits = self.plan.meta.get(b"rlimits", b"").split()
        return config

    def run(self) -> int:
        """Run the program; return the raw wait status that the caller should see."""
        verbose = self.env.get(b"VERBOSE") or self.env.get(b"verbose")
        status = self.run_direct() if self.plan.records[:1] == [b"/"] and not verbose else UNFIT
        if status == UNFIT:
            status = self.run_options(announce=bool(verbose))
        if status in (1 << 8, 2 << 8):  # an exception, or a file that can't be opened
            from ..hints import hint_unseen

            hint_unseen(self.plan, self.argv, self.cwd, status >> 8)
        if status in KILLED:
            from ..memory import explain_kill

            explain_kill()
        return status

    def run_direct(self) -> int:
        """Start by the plan's records; return `UNFIT` where they don't fit, with nothing said."""
        from . import recorded

        brought = self.new_slots()
        outside.add(self.plan, brought, self.argv, self.cwd)
        brought.close()
        if not outside.fits_records(self.plan, brought.options, self.cwd):
            return UNFIT
        folder = self.cwd if brought.options else b""
        try:
            self.slots.look(self.plan.slots)
        except (OSError, slots.TooManyError):  # the options have words for it
            return UNFIT
        pipes = open_pipes()
        reader, writer = os.pipe()
        config = self.config(writer)
        try:
            pid = recorded.start(self.plan, self.slots.options, folder, config, pipes)
        except recorded.Unfit:
            os.close(reader)
            os.close(writer)
            return UNFIT
        except OSError as error:
            from ..hints import no_namespaces

            raise no_namespaces(b"make namespaces: " + (error.strerror or "").encode()) from None
        status = self.wait(pid, reader, writer)
        if status < UNFIT:
            from ..hints import hint_failed_records

            hint_failed_records(plan_path(self.plan.meta[b"dir"], b"run", self.plan.meta[b"variant"]), UNFIT - status)
            return 125 << 8
        return status

    def run_options(self, *, announce: bool) -> int:
        """Start by the plan's options."""
        try:
            options = self.options(whole=announce)
        except OSError as error:
            name = error.filename if isinstance(error.filename, bytes) else b"?"
            line = b"open %s: %s" % (name, (error.strerror or "").encode())
            planted = error.strerror == slots.NO_POINT  # a session can make its own next start fail so, and no more
            raise LaunchError(line, b"remove it: rm -r '%s'" % name if planted else hint_for(error)) from None
        reader, writer = os.pipe()
        config = self.config(writer)
        if announce:
            from ..plan.verbose import announce as say

            say(self.plan, options, config)
        if self.plan.meta[b"backend"] == b"bwrap":
            from . import bwrap

            passed = [*self.slots.descriptors, *[int(fd) for fd in config.keep]]
            pid, info, leash = bwrap.spawn(self.plan, options, config, passed, merged=self.merged)
        else:
            from . import direct

            info = leash = -1
            pid = direct.spawn(self.plan, options, config)
        return self.wait(pid, reader, writer, info, leash)

    def wait(self, pid: int, reader: int, writer: int, info: int = -1, leash: int = -1) -> int:
        """Wait for the session."""
        self.slots.close()
        status = Waiter(pid, reader, writer, self.ignored, info, leash, self.plan).wait()
        if self.proxy:
            self.proxy.end()
        return status
