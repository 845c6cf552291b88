# ruff: noqa: D102 - what describe, prepare and execute do is said once, in Operation
"""The options that fill the new root with more than one thing: files from descriptors, /proc, /dev, overlays."""

from __future__ import annotations

import os

from .. import linux
from .failure import Failure
from .operations import Mounted, Operation, mount_on, parents_of
from .root import ELOOP, proc_path
from .sources import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .setup import Setup

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class File(Operation):
    """--file: a copy of what ``fd`` gives, in the file ``dest``."""

    __slots__ = ("fd", "perms")

    def __init__(self, fd: int, dest: bytes, perms: int = 0o666) -> None:
        self.fd = fd
        self.dest = dest
        self.perms = perms

    def describe(self) -> bytes:
        return b"write fd %d to %s" % (self.fd, self.dest)

    def execute(self, setup: Setup) -> None:
        parent, name = setup.root.parent(self.dest, parents_of(self.perms))
        try:
            target = os.open(name, _WRITE_NEW, self.perms, dir_fd=parent)
        except FileExistsError:
            target = self._existing(setup)
        except OSError as error:
            raise Failure(b"Can't create file %s" % self.dest, error.errno or 0) from None
        copy(self.fd, target, self.dest)
        os.close(target)
        os.close(self.fd)

    def _existing(self, setup: Setup) -> int:
        place = setup.root.file(self.dest, parents_of(self.perms), self.perms, b"Can't create file ")
        try:
            return os.open(proc_path(place), os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        except OSError as error:
            raise Failure(b"Can't create file %s" % self.dest, error.errno or 0) from None
        finally:
            os.close(place)


class BindData(File):
    """--bind-data and --ro-bind-data: a copy of what ``fd`` gives, in a file of its own that is bound on ``dest``."""

    __slots__ = ("attributes",)

    def __init__(self, fd: int, dest: bytes, attributes: int, perms: int = 0o600) -> None:
        File.__init__(self, fd, dest, perms)
        self.attributes = attributes

    def describe(self) -> bytes:
        return b"bind a copy of fd %d on %s" % (self.fd, self.dest)

    def execute(self, setup: Setup) -> None:
        root = setup.root
        name = b"bindfile-%d" % self.fd
        target = os.open(name, _WRITE_NEW, 0o600, dir_fd=root.base)
        os.fchmod(target, self.perms)
        copy(self.fd, target, self.dest)
        os.close(target)
        os.close(self.fd)
        place = root.file(self.dest, parents_of(self.perms))
        source = setup.sources.open(name, self.attributes, root.base)
        try:
            setup.sources.attach(source, place)
        except OSError as error:
            text = b"Can't bind mount /%s on /newroot/%s" % (name, self.dest.lstrip(b"/"))
            raise Failure(text, error.errno or 0, mounting=True) from None
        os.unlink(name, dir_fd=root.base)
        source.close()
        os.close(place)


class Proc(Mounted):
    """--proc: a new procfs, or the host's where the process numbers are the host's. Its old switches are read-only."""

    __slots__ = ("host",)
    fstype = b"proc"
    flags = linux.MS_NOSUID | linux.MS_NOEXEC | linux.MS_NODEV
    switches = (b"sys", b"sysrq-trigger", b"irq", b"bus")

    def prepare(self, setup: Setup) -> None:
        self.host: Source | None = None
        if not setup.options.own_pids:
            self.host = setup.sources.open(b"/proc", linux.READ_WRITE)

    def execute(self, setup: Setup) -> None:
        root = setup.root
        if self.host is None:
            self.mount(root)
        else:
            target = root.directory(self.dest)
            setup.sources.attach(self.host, target)
            os.close(target)
            self.host.close()
            root.covered()
        top = root.directory(self.dest)
        for name in self.switches:
            if os.access(name, os.W_OK, dir_fd=top):
                source = setup.sources.open(name, linux.READ_ONLY, top)
                setup.sources.attach(source, top, name)
                source.close()
        os.close(top)


class Dev(Mounted):
    """--dev: the devices that any program expects, on a tmpfs."""

    __slots__ = ("console", "nodes")
    fstype = b"tmpfs"
    flags = linux.MS_NOSUID | linux.MS_NODEV

    def describe(self) -> bytes:
        return b"make a device directory on %s" % self.dest

    def data(self) -> bytes:
        return b"mode=0755"

    def prepare(self, setup: Setup) -> None:
        paths = [(name, b"/dev/" + name) for name in linux.DEVICES]
        if setup.options.terminal:
            paths.append((b"console", setup.options.terminal))
        self.nodes = [(name, setup.sources.open(path, linux.WITH_DEVICES)) for name, path in paths]

    def execute(self, setup: Setup) -> None:
        root = setup.root
        self.mount(root)
        top = root.directory(self.dest)
        root.own(top)
        for name, source in self.nodes:
            os.mknod(name, 0o100444, dir_fd=top)
            setup.sources.attach(source, top, name)
            source.close()
        for target, name in linux.DEVICE_LINKS:
            os.symlink(target, name, dir_fd=top)
        os.mkdir("shm", 0o755, dir_fd=top)
        os.mkdir("pts", 0o755, dir_fd=top)
        pts = os.open("pts", linux.O_PATH_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
        flags = linux.MS_NOSUID | linux.MS_NOEXEC
        mount_on(pts, b"devpts", flags, linux.DEVPTS_OPTIONS, self.dest + b"/pts")
        os.close(pts)
        os.close(top)


class Overlay(Mounted):
    """--overlay (``upper`` and ``work``), --tmp-overlay (``temporary``) and --ro-overlay, over the --overlay-src.

    The layers are given to the kernel as descriptors, so no path of the host shows in mountinfo inside, and none
    needs escaping.
    """

    __slots__ = ("layers", "opened", "options", "temporary")
    fstype = b"overlay"

    def __init__(
        self, dest: bytes, layers: list[bytes], upper: tuple[bytes, ...] = (), temporary: bool = False
    ) -> None:
        self.dest = dest
        self.layers = (*upper, *reversed(layers))  # the kernel wants the topmost layer first
        self.temporary = temporary
        self.opened: list[int] = []
        self.options = [b"upperdir=", b"workdir="] if upper or temporary else []

    def describe(self) -> bytes:
        return b"overlay %s with %s" % (self.dest, b", ".join(self.layers))

    def prepare(self, setup: Setup) -> None:  # noqa: ARG002 - as all operations
        for path in self.layers:
            try:
                self.opened.append(os.open(path, linux.O_PATH_CLOEXEC))
            except OSError as error:
                raise Failure(b"Can't find source path %s" % path, error.errno or 0) from None

    def execute(self, setup: Setup) -> None:
        if self.temporary:
            self.opened[:0] = self._beside(setup.root.base)
        paths = [proc_path(fd) for fd in self.opened]
        options = [name + paths[at] for at, name in enumerate(self.options)]
        options.append(b"lowerdir=" + b":".join(paths[len(self.options) :]))
        data = b",".join([*options, b"userxattr"])
        target = setup.root.directory(self.dest)
        try:
            linux.mount(b"overlay", proc_path(target), b"overlay", 0, data)
        except OSError as error:
            text = b"Can't make overlay mount on /newroot/%s with layers %s" % (
                self.dest.lstrip(b"/"),
                b", ".join(self.layers),
            )
            if error.errno == ELOOP:
                raise Failure(text + b": Overlay directories may not overlap") from None
            raise Failure(text, error.errno or 0, mounting=True) from None
        for fd in (target, *self.opened):
            os.close(fd)
        setup.root.covered()

    def _beside(self, base: int) -> list[int]:
        """Make upper and working directories where the sandbox can't see them."""
        made = []
        for kind in (b"upper", b"work"):
            name = b"tmp-overlay-%s-%d" % (kind, self.opened[0])
            os.mkdir(name, 0o755, dir_fd=base)
            made.append(os.open(name, linux.O_PATH_DIRECTORY, dir_fd=base))
        return made


def copy(source: int, target: int, dest: bytes) -> None:
    """Copy all that ``source`` still gives to ``target``."""
    try:
        while chunk := os.read(source, 1 << 16):
            while chunk:
                chunk = chunk[os.write(target, chunk) :]
    except OSError as error:
        raise Failure(b"Can't write data to file %s" % dest, error.errno or 0) from None
