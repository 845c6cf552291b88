"""What bubblewrap's option list says: the values, and the checks between them. The table is in `table`."""

from __future__ import annotations

import os

from .. import linux
from .failure import LOG_WARNING, Usage, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .operations import Operation

MAX_ARGUMENTS = 9000  # bwrap's own limit, --args included


class Options:
    """An option list, parsed.

    Attributes:
        operations: what is done to the file system (and the host name), in order.
        command: what follows the options.
        env_ops: (b"set", name, value), (b"unset", name), (b"clear",), in order.
        seccomp: programs of --add-seccomp-fd; `seccomp_fd` is the one of --seccomp, read after the set-up.
        caps: the capabilities to keep, a bit set; `caps_given` says that an option named any.
        on_fail: called with the errno when a plan's set-up failed in the child.
        as_bwrap: bubblewrap's messages and status 1, and its slave propagation, instead of a plan's.
        modern: False does without the mount calls of Linux 5.2 and 5.12; for tests, found out by itself else.
    """

    modern = True

    def __init__(self, as_bwrap: bool = False) -> None:
        self.as_bwrap = as_bwrap
        self.on_fail: Callable[[int], object] | None = None
        self.operations: list[Operation] = []
        self.command: list[bytes] = []
        self.env_ops: list[tuple[bytes, ...]] = []
        self.seccomp: list[bytes] = []
        self.lock_files: list[bytes] = []
        self.overlay_sources: list[bytes] = []
        self.perms: int | None = None
        self.size = 0
        self.level_prefix = self.new_session = self.die_with_parent = self.as_pid_1 = False
        self.unshare_user = self.unshare_user_try = self.unshare_ipc = self.unshare_pid = False
        self.unshare_net = self.unshare_uts = self.unshare_cgroup = self.unshare_cgroup_try = False
        self.disable_userns = self.assert_userns_disabled = self.needs_devpts = False
        self.sync_fd = self.block_fd = self.userns_block_fd = self.info_fd = self.json_status_fd = -1
        self.seccomp_fd = self.userns_fd = self.userns2_fd = self.pidns_fd = -1
        self.argv0: bytes | None = None
        self.chdir: bytes | None = None
        self.hostname: bytes | None = None
        self.terminal = b""
        self.real_uid = os.getuid()
        self.real_gid = os.getgid()
        self.uid = self.gid = -1
        self.caps = linux.capget()[0] if self.real_uid == 0 else 0
        self.caps_given = False

    @property
    def own_pids(self) -> bool:
        """Say whether the sandbox's process numbers are not the caller's."""
        return self.unshare_pid or self.pidns_fd >= 0

    @property
    def needs_reaper(self) -> bool:
        """Say whether bubblewrap puts a process of its own above the command."""
        return not self.as_pid_1 and (self.unshare_pid or bool(self.lock_files) or self.sync_fd >= 0)

    def warn(self, text: bytes) -> None:
        """Say something that is no failure."""
        if self.as_bwrap:
            write_line((b"<" + LOG_WARNING + b">" if self.level_prefix else b"") + b"bwrap: " + text)
        else:
            write_line(b"sandbox-venv: native: " + text)

    def settle(self) -> None:
        """Check what the whole list says, and fill in what it leaves open.

        Raises:
            Usage: options that don't go together.
        """
        self._check_user_namespace()
        if self.real_uid != 0 and self.userns_fd < 0:
            self.unshare_user = True
        if self.unshare_user_try and _user_namespaces_exist():
            self.unshare_user = True
        if self.as_bwrap and not self.command:
            raise Usage(b"")
        self.uid = self.real_uid if self.uid < 0 else self.uid
        self.gid = self.real_gid if self.gid < 0 else self.gid
        self._check_dependent()
        if self.unshare_cgroup and not os.path.exists("/proc/self/ns/cgroup"):
            raise Usage(b"Cannot create new cgroup namespace because the kernel does not support it")
        if self.unshare_cgroup_try:
            self.unshare_cgroup = os.path.exists("/proc/self/ns/cgroup")
        if os.isatty(1) and self.needs_devpts:
            self.terminal = os.fsencode(os.ttyname(1))

    def _check_user_namespace(self) -> None:
        for wrong, text in (
            (self.userns_block_fd >= 0 and not self.unshare_user, b"--userns-block-fd requires --unshare-user"),
            (self.userns_block_fd >= 0 > self.info_fd, b"--userns-block-fd requires --info-fd"),
            (self.userns_fd >= 0 and self.unshare_user, b"--userns not compatible --unshare-user"),
            (self.userns_fd >= 0 and self.unshare_user_try, b"--userns not compatible --unshare-user-try"),
            (self.disable_userns and not self.unshare_user, b"--disable-userns requires --unshare-user"),
            (
                self.disable_userns and self.userns_block_fd >= 0,
                b"--disable-userns is not compatible with  --userns-block-fd",
            ),
        ):
            if wrong:
                raise Usage(text)

    def _check_dependent(self) -> None:
        mapped = self.unshare_user or self.userns_fd >= 0
        for wrong, text in (
            (not mapped and self.uid != self.real_uid, b"Specifying --uid requires --unshare-user or --userns"),
            (not mapped and self.gid != self.real_gid, b"Specifying --gid requires --unshare-user or --userns"),
            (self.hostname is not None and not self.unshare_uts, b"Specifying --hostname requires --unshare-uts"),
            (self.as_pid_1 and not self.unshare_pid, b"Specifying --as-pid-1 requires --unshare-pid"),
            (
                self.as_pid_1 and bool(self.lock_files),
                b"Specifying --as-pid-1 and --lock-file is not permitted",
            ),
        ):
            if wrong:
                raise Usage(text)

    def clone_flags(self) -> int:
        """Return the namespaces that clone(2) creates."""
        flags = linux.CLONE_NEWNS
        for wanted, flag in (
            (self.unshare_user, linux.CLONE_NEWUSER),
            (self.unshare_pid and self.pidns_fd < 0, linux.CLONE_NEWPID),
            (self.unshare_net, linux.CLONE_NEWNET),
            (self.unshare_ipc, linux.CLONE_NEWIPC),
            (self.unshare_uts, linux.CLONE_NEWUTS),
            (self.unshare_cgroup, linux.CLONE_NEWCGROUP),
        ):
            if wanted:
                flags |= flag
        return flags


def _user_namespaces_exist() -> bool:
    """Say whether the kernel has user namespaces and its administrator lets them be made."""
    if not os.path.exists("/proc/self/ns/user"):
        return False
    for path, off in (
        ("/sys/module/user_namespace/parameters/enable", b"N"),
        ("/proc/sys/user/max_user_namespaces", b"0\n"),
    ):
        try:
            with open(path, "rb", buffering=0) as switch:
                value = switch.read(16) or b""
        except OSError:
            continue
        if value == off or (off == b"N" and value.startswith(off)):
            return False
    return True
