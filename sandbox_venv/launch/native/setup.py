"""The set-up in the child, in bubblewrap's order: ids, mounts, the new root, the second user namespace, no privileges.

Nothing is caught on the way: whatever fails ends the child (see `spawn`).
"""

from __future__ import annotations

import os

from .. import linux
from . import network
from .failure import Failure
from .operations import Operation
from .options import Options
from .privileges import drop_caps
from .root import NewRoot
from .sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ENOENT = 2  # errno(3)


class Setup:
    """One child's way from the host's view into the sandbox.

    Attributes:
        ns_uid, ns_gid: the ids in the user namespace in which the mounts are made.
    """

    root: NewRoot

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sources = Sources(options.modern)
        self.ns_uid = options.uid
        self.ns_gid = options.gid
        self.proc = -1
        self.soft_limit = -1

    def run(self) -> None:
        """Do all of it.

        Raises:
            Failure: with its text.
            OSError: in a step that `describe`s itself by its operation or by errno alone.
        """
        options = self.options
        self.enter_namespaces()
        umask = os.umask(0)
        self.build()
        self.root.enter()
        self._restore_limit()
        self.leave_user_namespace()
        if options.disable_userns or options.assert_userns_disabled:
            self.check_userns_disabled()
        drop_caps(options, keep=True)
        linux.set_dumpable(True)
        os.close(self.proc)
        os.umask(umask)

    # --- first user namespace, network ---

    def enter_namespaces(self) -> None:
        """Become who the sandbox's user is, or root for the time being where devpts asks for it."""
        options = self.options
        self.proc = os.open("/proc", linux.O_PATH_DIRECTORY)
        if (options.unshare_user and not self.second_follows()) or options.userns_fd >= 0:
            linux.drop_bounding(options.caps, lenient=options.as_bwrap)
        if options.userns_fd >= 0:
            self._switch_ids()
        if options.unshare_net:
            network.loopback_up()
        if options.unshare_user and options.userns_block_fd < 0:
            if options.needs_devpts:
                self.ns_uid = self.ns_gid = 0  # devpts belongs to root, who must be mapped when it is mounted
            self.write_maps(self.ns_uid, options.real_uid, self.ns_gid, options.real_gid, deny_groups=True)

    def _switch_ids(self) -> None:
        options = self.options
        try:
            if options.uid != options.real_uid:
                os.setuid(options.uid)
        except OSError as error:
            raise Failure(b"unable to switch to uid %d" % options.uid, error.errno or 0) from None
        try:
            if options.gid != options.real_gid:
                os.setgid(options.gid)
        except OSError as error:
            raise Failure(b"unable to switch to gid %d" % options.gid, error.errno or 0) from None

    def write_maps(self, uid: int, outer_uid: int, gid: int, outer_gid: int, deny_groups: bool) -> None:
        """Map one user and one group into this process's user namespace. user_namespaces(7)."""
        steps = [(b"uid_map", b"%d %d 1\n" % (uid, outer_uid), b"setting up uid map")]
        if deny_groups:
            steps.append((b"setgroups", b"deny\n", b"error writing to setgroups"))
        steps.append((b"gid_map", b"%d %d 1\n" % (gid, outer_gid), b"setting up gid map"))
        for name, content, text in steps:
            try:
                fd = os.open(b"self/" + name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.proc)
                os.write(fd, content)
                os.close(fd)
            except OSError as error:
                if name != b"setgroups" or error.errno != ENOENT:
                    raise Failure(text, error.errno or 0) from None

    # --- the new root ---

    def build(self) -> None:
        """Open what is bound, build the new root, and do the operations in their order."""
        operations = self.options.operations
        self._room_for_descriptors(len(operations))
        propagation = linux.MS_SLAVE if self.options.as_bwrap else linux.MS_PRIVATE
        try:
            linux.mount(None, b"/", None, linux.MS_SILENT | linux.MS_REC | propagation)
        except OSError as error:
            raise Failure(b"Failed to make / slave", error.errno or 0, mounting=True) from None
        for (
            operation
        ) in operations:  # after that: copies of shared mounts would hand on to the host what is mounted here
            self._do(operation, operation.prepare)
        os.fchdir(self.proc)
        self.root = NewRoot(apart=not self.sources.modern)
        for operation in operations:
            self._do(operation, operation.execute)

    def _do(self, operation: Operation, step: Callable[[Setup], None]) -> None:
        """Do one step of an operation; a plan's message names the operation, bubblewrap's has words of its own."""
        try:
            step(self)
        except OSError as error:
            raise Failure(b"Can't " + operation.describe(), error.errno or 0) from None
        except Failure as failure:
            if self.options.as_bwrap:
                raise
            reason = failure.reason() or failure.text
            raise Failure(operation.describe() + b": " + reason, failure.number, said=True) from None

    def _room_for_descriptors(self, count: int) -> None:
        """Raise the soft limit for the set-up, if need be: each source is a descriptor until it is attached."""
        soft, hard = linux.getrlimit(linux.RLIMIT_NOFILE)
        wanted = min(count + 64, hard)
        if soft < wanted:
            linux.setrlimit(linux.RLIMIT_NOFILE, wanted, hard)
            self.soft_limit = soft

    def _restore_limit(self) -> None:
        if self.soft_limit >= 0:
            linux.setrlimit(linux.RLIMIT_NOFILE, self.soft_limit, linux.getrlimit(linux.RLIMIT_NOFILE)[1])

    # --- second user namespace ---

    def leave_user_namespace(self) -> None:
        """Enter --userns2, or a second user namespace where the first one's root or limits must be out of reach."""
        options = self.options
        if options.userns2_fd >= 0:
            try:
                linux.setns(options.userns2_fd, linux.CLONE_NEWUSER)
            except OSError as error:
                raise Failure(b"Setting userns2 failed", error.errno or 0) from None
        if not self.second_follows():
            return
        if options.disable_userns:
            self._limit_user_namespaces()
        try:
            linux.unshare(linux.CLONE_NEWUSER)
        except OSError as error:
            raise Failure(b"unshare user ns", error.errno or 0) from None
        linux.drop_bounding(options.caps, lenient=options.as_bwrap)
        self.write_maps(options.uid, self.ns_uid, options.gid, self.ns_gid, deny_groups=False)

    def second_follows(self) -> bool:
        """Say whether the mounts are made in a user namespace that is then left for another one."""
        options = self.options
        if not options.unshare_user or options.userns_block_fd >= 0:
            return False
        as_root = options.needs_devpts and (options.uid, options.gid) != (0, 0)
        return as_root or options.disable_userns

    def _limit_user_namespaces(self) -> None:
        """Allow the one user namespace that is made next, and none after it. namespaces(7), /proc/sys/user."""
        try:
            fd = os.open("sys/user/max_user_namespaces", os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.proc)
        except OSError as error:
            raise Failure(b"cannot open /proc/sys/user/max_user_namespaces", error.errno or 0) from None
        try:
            os.write(fd, b"1")
        except OSError as error:
            raise Failure(b"sysctl user.max_user_namespaces = 1", error.errno or 0) from None
        os.close(fd)

    @staticmethod
    def check_userns_disabled() -> None:
        """Try what must be impossible now."""
        try:
            linux.unshare(linux.CLONE_NEWUSER)
        except OSError:
            return
        raise Failure(b"creation of new user namespaces was not disabled as requested")
