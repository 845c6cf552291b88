"""The plan's records executed by direct system calls: what native/setup.c does, for machines without the C launcher.

The records (``plan/records.py``) say the same as the plan's options, with a ready-made root; they need a third of the
system calls, and nothing of `native` is imported for them. A step that fails ends the start. Only where the plan
doesn't fit what there is (`Unfit`), the child says nothing, and the session is started by the options instead.

Hot: as `linux`. Every target but those of ``b``, which lie in the skeleton, is opened without following links.
"""

from __future__ import annotations

from . import child, linux
from .child import LAUNCHER_FAILED, clone, close_others, die_with_parent, watch_self, wipe_environ_block
from .inside import init, landlock, protocol
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, TypeVar

    _Found = TypeVar("_Found")

    from .inside.config import Config
    from .planfile import Plan

NAMESPACES = (
    linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
)  # those that plan/records.py takes for granted
S_IFREG = 0o100000  # inode(7)

_INSIDE = linux.RESOLVE_IN_ROOT | linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS
GONE = (2, 13, 20, 40)
"""What a look for something says that is gone, closed, or a link by now: ENOENT, EACCES, ENOTDIR, ELOOP."""


class Unfit(Exception):
    """The plan doesn't fit: a record or system call that isn't known here, or a path that is no longer what it was."""


def look_up(opening: Callable[..., _Found], *args: object, **more: object) -> _Found:
    """Open what a plan names.

    Raises:
        Unfit: it is no longer there.
        OSError: anything else.
    """
    try:
        return opening(*args, **more)
    except OSError as error:
        if error.errno in GONE:
            raise Unfit from None
        raise


def start(plan: Plan, protected: Sequence[bytes], folder: bytes, config: Config, pipes: Sequence[int]) -> int:
    """Start a child that makes the root which the plan's records say, and is init; return its pid.

    Args:
        plan: one with records.
        protected: options for the protected names, ``--bind-fd`` or ``--ro-bind-fd``, descriptor, target in turn.
        folder: a directory that is made besides (see `outside.fits_records`), b"" for none.
        config: for init.
        pipes: those that stay open in it, besides what ``config`` names.

    Raises:
        Unfit: the skeleton is gone or being removed; nothing runs.
        OSError: the namespaces can't be made; nothing runs.
    """
    records = plan.records
    hold(records[1])
    terminal = os.fsencode(os.ttyname(1)) if os.isatty(1) else b""
    ids = os.getuid(), os.getgid()
    alive = watch_self()
    pid = clone(NAMESPACES | (linux.CLONE_NEWCGROUP if b"c" in records[2] else 0))
    if pid:
        os.close(alive[0])
        return pid
    try:
        die_with_parent(alive)
        set_up(Root(terminal, protected, folder), records, ids)
        die_with_parent(alive[:1])  # changed credentials reset it
        close_others([*pipes, config.status_fd, *[int(fd) for fd in config.keep]])
    except BaseException as error:  # noqa: BLE001 - nothing may get past this line
        report(config, error)
    try:
        become_init(plan, config)
    finally:
        os._exit(LAUNCHER_FAILED)


def hold(skeleton: bytes) -> None:
    """Hold the ready-made root until this process ends: it is removed where nobody does."""
    try:
        linux.hold(skeleton)
    except OSError:
        raise Unfit from None


def report(config: Config, error: BaseException) -> NoReturn:
    """End the child whose set-up failed: nothing runs."""
    number = error.errno or 0 if isinstance(error, OSError) else 0
    refused = number in (linux.EPERM, linux.ENOSYS)
    if isinstance(error, Unfit) or (refused and any(map(linux.lacks, linux.NEWER))):
        try:
            protocol.send(config.status_fd, protocol.FAILED, protocol.FAILED_UNFIT << 16)
        finally:
            os._exit(LAUNCHER_FAILED)
    name = getattr(error, "filename", None)
    why = protocol.why(error) if isinstance(error, OSError) else repr(error).encode()
    text = b"set up %s: %s" % (name if isinstance(name, bytes) and len(name) > 1 else b"sandbox", why)
    protocol.fail(config, protocol.Stop(protocol.FAILED_RECORD, number, text))


def set_up(root: Root, records: Sequence[bytes], ids: tuple[int, int]) -> None:
    """Make the root, enter it, and give up all privileges."""
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    write_ids((0, 0), ids)
    write(b"/proc/sys/user/max_user_namespaces", b"1")  # the one that drop_privileges makes
    umask = os.umask(0)
    root.build(records)
    os.umask(umask)
    drop_privileges(ids)


def become_init(plan: Plan, config: Config) -> NoReturn:
    """Be PID 1 of the sandbox that was set up."""
    wipe_environ_block()
    config.verify = []  # mount points are found by descriptor
    init.run(config, landlock, lambda: linux.seccomp_filters((plan.seccomp_allow, plan.seccomp_deny)))


def write(path: bytes, content: bytes) -> None:
    """Write to a file of /proc."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, content)
    os.close(fd)


def write_ids(inside: tuple[int, int], outside: tuple[int, int]) -> None:
    """Map one user and one group into this process's user namespace. user_namespaces(7)."""
    write(b"/proc/self/uid_map", b"%d %d 1\n" % (inside[0], outside[0]))
    if inside == (0, 0):
        write(b"/proc/self/setgroups", b"deny")
    write(b"/proc/self/gid_map", b"%d %d 1\n" % (inside[1], outside[1]))


def drop_privileges(ids: tuple[int, int]) -> None:
    """Drop every capability, also those that a program could gain, and the power to make a user namespace."""
    linux.unshare(linux.CLONE_NEWUSER)
    linux.drop_bounding()
    write_ids(ids, (0, 0))
    try:
        linux.unshare(linux.CLONE_NEWUSER)
    except OSError:
        linux.capset(0, 0, 0)
    else:
        raise Unfit


class Root:
    """The new root while it is built.

    Args:
        terminal: what stdout is, b"" where it is no terminal.
        protected, folder: as for `start`.
    """

    def __init__(self, terminal: bytes, protected: Sequence[bytes], folder: bytes) -> None:
        self.terminal = terminal
        self.folder = folder
        self.protected = protected
        self.fd = -1

    def build(self, records: Sequence[bytes]) -> None:
        """Do what the records say, in their order, and make it this process's root."""
        self.fd = root = look_up(linux.open_tree, linux.AT_FDCWD, records[1], linux.CLONE_TREE)
        linux.move_mount(root, linux.AT_FDCWD, b"/")
        os.fchdir(root)
        group = 3 * records[::3].index(b"s")
        look_up(linux.mount_group, root, records[4:group:3], records[5:group:3])
        for what, first, second in zip(records[group + 3 :: 3], records[group + 4 :: 3], records[group + 5 :: 3]):
            self.execute(what, first, second)
        self.make_folder()
        linux.pivot_root(b".", b".")  # the old root lies over the new one, where "." finds it
        linux.umount(b".")
        os.chdir("/")

    def execute(self, what: bytes, first: bytes, second: bytes) -> None:
        """Do what one record after the read-only group says."""
        root = self.fd
        if what in b"mn":
            place = self.open(second)
            self.attach(linux.AT_FDCWD, first, linux.READ_ONLY if what == b"m" else linux.WITH_DEVICES, place, b"")
            os.close(place)
        elif what in b"woWO":
            self.bind_slot(
                first, linux.READ_WRITE if what in b"wW" else linux.READ_ONLY, second, optional=what in b"WO"
            )
        elif what == b"t":
            self.mount(second, b"tmpfs", linux.MS_NOSUID | linux.MS_NODEV, first)
        elif what == b"p":
            self.mount(second, b"proc", linux.MS_NOSUID | linux.MS_NOEXEC | linux.MS_NODEV, None)
        elif what == b"d":
            self.make_devices(second)
        elif what == b"k":
            os.mkdir(second, 0o700 if first == b"0700" else 0o755, dir_fd=root)
        elif what == b"f":
            os.mknod(second, S_IFREG | 0o444, dir_fd=root)
        elif what == b"l":
            os.symlink(first, second, dir_fd=root)
        elif what in b"DF":
            from .slots import make_point

            look_up(make_point, first, second, directory=what == b"D")
        elif what == b"N":
            linux.unshare(linux.CLONE_NEWNET)
            child.interface_up(b"lo")
        elif what == b"P":
            self.protect()
        elif what == b"r":
            place = self.open(second)
            linux.mount_setattr(place, 0, linux.READ_ONLY)
            os.close(place)
        else:
            raise Unfit

    def make_folder(self) -> None:
        """Make the caller's directory in the session's own /tmp."""
        parts = self.folder.split(b"/")[1:]
        for at in range(2, len(parts) + 1):
            try:
                os.mkdir(b"/".join(parts[:at]), 0o755, dir_fd=self.fd)
            except FileExistsError:
                pass

    def open(self, target: bytes) -> int:
        """Open a mount point."""
        return look_up(linux.openat2, self.fd, target, linux.O_PATH_CLOEXEC, 0, _INSIDE)

    def attach(self, source: int, path: bytes, attributes: int, place: int, name: bytes) -> None:
        """Mount a copy of the tree at ``path`` (of ``source`` itself, where it is empty) on ``name`` in ``place``."""
        tree = look_up(linux.open_tree, source, path, linux.CLONE_TREE | (0 if path else linux.AT_EMPTY_PATH))
        linux.mount_setattr(tree, linux.AT_RECURSIVE, attributes, linux.MS_PRIVATE)
        linux.move_mount(tree, place, name)
        os.close(tree)

    def bind_slot(
        self, source: bytes, attributes: int, target: bytes, *, optional: bool = False, same: int = -1
    ) -> None:
        """Bind what a session could have replaced: no link is followed in its path, ``optional`` ones may be missing.

        Args:
            source: absolute path.
            attributes: for mount_setattr(2).
            target: mount point.
            optional: nothing is done where the source is missing.
            same: a descriptor of what the source must still be, -1 for none.
        """
        try:
            fd = linux.openat2(linux.AT_FDCWD, source, linux.O_PATH_CLOEXEC, 0, linux.RESOLVE_NO_SYMLINKS)
        except OSError as error:
            if error.errno not in GONE:
                raise
            if optional and error.errno != 13:  # not EACCES: what a session closed is protected in another way
                return
            raise Unfit from None
        if same >= 0 and not os.path.samestat(os.fstat(fd), os.fstat(same)):
            raise Unfit
        place = self.open(target)
        self.attach(fd, b"", attributes, place, b"")
        os.close(place)
        os.close(fd)

    def protect(self) -> None:
        """Bind the protected names that were there at the start, as `slots` opened them."""
        options = self.protected
        for option, number, target in zip(options[::3], options[1::3], options[2::3]):
            attributes = linux.READ_ONLY if option == b"--ro-bind-fd" else linux.READ_WRITE
            self.bind_slot(target, attributes, target[1:], same=int(number))

    def mount(self, target: bytes, kind: bytes, flags: int, data: bytes | None) -> None:
        """Mount a new file system."""
        place = self.open(target)
        os.fchdir(place)
        linux.mount(kind, b".", kind, flags, data)
        os.fchdir(self.fd)
        os.close(place)

    def make_devices(self, target: bytes) -> None:
        """Make the devices that any program expects, on a tmpfs."""
        self.mount(target, b"tmpfs", linux.MS_NOSUID | linux.MS_NODEV, b"mode=0755")
        top = self.open(target)
        devices = [(b"/dev/" + name, name) for name in linux.DEVICES]
        if self.terminal:
            devices.append((self.terminal, b"console"))
        for source, name in devices:
            os.mknod(name, S_IFREG | 0o444, dir_fd=top)
            self.attach(linux.AT_FDCWD, source, linux.WITH_DEVICES, top, name)
        for text, name in linux.DEVICE_LINKS:
            os.symlink(text, name, dir_fd=top)
        os.mkdir(b"shm", 0o755, dir_fd=top)
        os.mkdir(b"pts", 0o755, dir_fd=top)
        os.fchdir(top)
        linux.mount(b"devpts", b"pts", b"devpts", linux.MS_NOSUID | linux.MS_NOEXEC, linux.DEVPTS_OPTIONS)
        os.fchdir(self.fd)
        os.close(top)
