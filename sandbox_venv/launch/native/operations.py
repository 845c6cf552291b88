# ruff: noqa: D102 - what describe, prepare and execute do is said once, in Operation
"""The options that change the file system: one class each, what it says (`describe`) beside what it does.

`prepare` runs for all of them, in order, while the host's root is still the root; it opens what is bound.
`execute` runs for all of them, in order, on the new root, with umask 0.
"""

from __future__ import annotations

import os

from .. import linux
from .failure import Failure
from .root import EEXIST, EINVAL, ENOENT, PARENTS, NewRoot, proc_path
from .sources import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .setup import Setup

_MODES = {linux.READ_ONLY: b"read-only", linux.READ_WRITE: b"read-write"}


class Operation:
    """What all have: a destination, and nothing to prepare."""

    __slots__ = ("dest",)

    def __init__(self, dest: bytes) -> None:
        self.dest = dest

    def describe(self) -> bytes:
        """Return the verb and the paths, for messages."""
        raise NotImplementedError

    def prepare(self, setup: Setup) -> None:
        """Open what lies on the host."""

    def execute(self, setup: Setup) -> None:
        """Do it, in the new root.

        Raises:
            Failure: with bubblewrap's words.
            OSError: described by `describe`.
        """
        raise NotImplementedError


class Bind(Operation):
    """--bind, --ro-bind, --dev-bind and their -try forms; --bind-fd and --ro-bind-fd where ``fd`` is given."""

    __slots__ = ("attributes", "fd", "opened", "optional", "source")

    def __init__(self, source: bytes, dest: bytes, attributes: int, optional: bool = False, fd: int = -1) -> None:
        self.source = source
        self.dest = dest
        self.attributes = attributes
        self.optional = optional
        self.fd = fd
        self.opened: Source | None = None

    def describe(self) -> bytes:
        return b"bind %s %s on %s" % (self.source, _MODES.get(self.attributes, b"with devices"), self.dest)

    def prepare(self, setup: Setup) -> None:
        try:
            # A descriptor from outside belongs to a mount of another namespace: only by its path can it be bound.
            path = os.readlink(b"/proc/self/fd/%d" % self.fd) if self.fd >= 0 else self.source
            self.opened = setup.sources.open(path, self.attributes)
        except OSError as error:
            if self.optional and error.errno == ENOENT:
                return
            raise Failure(b"Can't find source path %s" % self.source, error.errno or 0) from None
        if self.fd >= 0:
            self._compare(self.opened)

    def _compare(self, opened: Source) -> None:
        """Refuse a source that is no longer what the descriptor is open on."""
        try:
            info = os.fstat(self.fd)
        except OSError as error:
            raise Failure(b"Can't stat fd %d" % self.fd, error.errno or 0) from None
        if (info.st_dev, info.st_ino) != (opened.info.st_dev, opened.info.st_ino):
            raise Failure(b"Race condition binding dirfd %d: %s is another file now" % (self.fd, self.source))

    def execute(self, setup: Setup) -> None:
        source = self.opened
        if source is None:
            return
        root = setup.root
        target, name = (root.directory(self.dest), b"") if source.is_directory else root.file_place(self.dest)
        try:
            setup.sources.attach(source, target, name)
        except OSError as error:
            text = b"Can't bind mount /oldroot%s on /newroot/%s: Unable to mount source on destination"
            raise Failure(text % (self.source, self.dest.lstrip(b"/")), error.errno or 0, mounting=True) from None
        if not name:
            os.close(target)
        if source.is_directory:
            root.covered()
        source.close()
        if self.fd >= 0:
            try:
                os.close(self.fd)
            except OSError as error:  # the list gives it twice
                raise Failure(b"Can't stat fd %d" % self.fd, error.errno or 0) from None


class RemountReadOnly(Operation):
    """--remount-ro: the mount itself, not those beneath it."""

    __slots__ = ()

    def describe(self) -> bytes:
        return b"remount %s read-only" % self.dest

    def execute(self, setup: Setup) -> None:
        setup.root.parent(self.dest)
        text = b"Can't remount readonly on /newroot/%s" % self.dest.lstrip(b"/")
        fd = setup.root.existing(self.dest, text + b": realpath(destination)")
        try:
            setup.sources.set_attributes(fd, linux.READ_ONLY)
        except OSError as error:
            if error.errno == EINVAL:
                raise Failure(text + b': Unable to find "%s" in mount table' % os.path.normpath(self.dest)) from None
            raise Failure(text + b": Unable to remount destination", error.errno or 0, mounting=True) from None
        os.close(fd)


class Mounted(Operation):
    """A new file system on a directory."""

    __slots__ = ()
    fstype = b""
    flags = 0

    def describe(self) -> bytes:
        return b"mount %s on %s" % (self.fstype, self.dest)

    def data(self) -> bytes | None:
        """Return the file system's own mount options."""
        return None

    def execute(self, setup: Setup) -> None:
        self.mount(setup.root)

    def mount(self, root: NewRoot) -> None:
        """Make the mount point and mount on it."""
        target = root.directory(self.dest, 0o755, self.parent_mode())
        mount_on(target, self.fstype, self.flags, self.data(), self.dest)
        os.close(target)
        root.covered()

    def parent_mode(self) -> int:
        """Return the mode of parents that have to be made."""
        return PARENTS


class Tmpfs(Mounted):
    """--tmpfs, with --perms and --size."""

    __slots__ = ("perms", "size")
    fstype = b"tmpfs"
    flags = linux.MS_NOSUID | linux.MS_NODEV

    def __init__(self, dest: bytes, perms: int = 0o755, size: int = 0) -> None:
        self.dest = dest
        self.perms = perms
        self.size = size

    def data(self) -> bytes:
        mode = b"mode=" + octal(self.perms)
        return mode + b",size=%d" % self.size if self.size else mode

    def parent_mode(self) -> int:
        return parents_of(self.perms)

    def mount(self, root: NewRoot) -> None:
        Mounted.mount(self, root)
        top = root.directory(self.dest)
        root.own(top)
        os.close(top)


class Mqueue(Mounted):
    """--mqueue."""

    __slots__ = ()
    fstype = b"mqueue"


class Directory(Operation):
    """--dir, with --perms. An existing directory stays as it is."""

    __slots__ = ("perms",)

    def __init__(self, dest: bytes, perms: int = 0o755) -> None:
        self.dest = dest
        self.perms = perms

    def describe(self) -> bytes:
        return b"make the directory %s" % self.dest

    def execute(self, setup: Setup) -> None:
        os.close(setup.root.directory(self.dest, self.perms, parents_of(self.perms)))


class Symlink(Operation):
    """--symlink: the same link may be there already."""

    __slots__ = ("target",)

    def __init__(self, target: bytes, dest: bytes) -> None:
        self.target = target
        self.dest = dest

    def describe(self) -> bytes:
        return b"link %s to %s" % (self.dest, self.target)

    def execute(self, setup: Setup) -> None:
        parent, name = setup.root.parent(self.dest)
        try:
            os.symlink(self.target, name, dir_fd=parent)
        except OSError as error:
            text = b"Can't make symlink at %s" % self.dest
            if error.errno != EEXIST:
                raise Failure(text, error.errno or 0) from None
            self._compare(parent, name, text)

    def _compare(self, parent: int, name: bytes, text: bytes) -> None:
        try:
            existing = os.readlink(name, dir_fd=parent)
        except OSError as error:
            if error.errno == EINVAL:
                raise Failure(text + b": destination exists and is not a symlink") from None
            raise Failure(text + b": destination exists, and cannot read symlink target", error.errno or 0) from None
        if existing != self.target:
            raise Failure(text + b": existing destination is " + existing)


class Chmod(Operation):
    """--chmod: what is there, symbolic links followed inside."""

    __slots__ = ("perms",)

    def __init__(self, dest: bytes, perms: int) -> None:
        self.dest = dest
        self.perms = perms

    def describe(self) -> bytes:
        return b"change the mode of %s" % self.dest

    def execute(self, setup: Setup) -> None:
        text = b"Can't chmod %s %s" % (octal(self.perms), self.dest)
        fd = setup.root.existing(self.dest, text)
        try:
            os.chmod(proc_path(fd), self.perms)
        except OSError as error:
            raise Failure(text, error.errno or 0) from None
        os.close(fd)


class Hostname(Operation):
    """--hostname."""

    __slots__ = ()

    def describe(self) -> bytes:
        return b"set the host name %s" % self.dest

    def execute(self, setup: Setup) -> None:  # noqa: ARG002 - as all operations
        try:
            linux.sethostname(self.dest)
        except OSError as error:
            raise Failure(b"Can't set hostname to %s" % self.dest, error.errno or 0) from None


def mount_on(target: int, fstype: bytes, flags: int, data: bytes | None, dest: bytes) -> None:
    """Mount a new file system on the directory behind ``target``."""
    try:
        linux.mount(fstype, proc_path(target), fstype, flags, data)
    except OSError as error:
        text = b"Can't mount %s on /newroot/%s" % (fstype, dest.lstrip(b"/"))
        raise Failure(text, error.errno or 0, mounting=True) from None


def octal(mode: int) -> bytes:
    """Return a mode as C's ``%#o`` writes it."""
    return b"0%o" % mode if mode else b"0"


def parents_of(perms: int) -> int:
    """Return the mode for parents of what gets ``perms``: closed to those to whom it is closed altogether."""
    mode = 0o755
    if not perms & 0o070:
        mode &= ~0o050
    if not perms & 0o007:
        mode &= ~0o005
    return mode
