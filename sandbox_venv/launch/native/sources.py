"""What is bound into the sandbox: opened in the host's view, before anything is built, and attached later.

Where the kernel has it, a source is a detached copy of its mount tree (open_tree(2)), its flags set on the whole
tree at once (mount_setattr(2)). Where it hasn't, or a container's seccomp filter forbids it, a source is an O_PATH
descriptor; the flags are set mount by mount after attaching, with one reading of mountinfo for all binds.
"""

from __future__ import annotations

import os

from .. import linux
from .failure import Failure
from .root import S_IFDIR, S_IFMT, proc_path

EPERM, ENOENT, EACCES, ENOTDIR, EINVAL, ENAMETOOLONG, ENOSYS, ELOOP = 1, 2, 13, 20, 22, 36, 38, 40  # errno(3)
_LOOKUP_ERRORS = (ENOENT, EACCES, ENOTDIR, ENAMETOOLONG, ELOOP)


class Source:
    """A mount tree of the host, to be attached once. Flags of MOUNT_ATTR_* and MS_* are the same numbers here."""

    __slots__ = ("attributes", "fd", "info", "is_tree")

    def __init__(self, fd: int, attributes: int, is_tree: bool) -> None:
        self.fd = fd
        self.attributes = attributes
        self.is_tree = is_tree
        self.info = os.fstat(fd)

    @property
    def is_directory(self) -> bool:
        """Say whether its mount point must be a directory."""
        return self.info.st_mode & S_IFMT == S_IFDIR

    def close(self) -> None:
        """Close it once it is attached."""
        os.close(self.fd)
        self.fd = -1


class Sources:
    """Opens sources and attaches them.

    Args:
        modern: False uses the old calls only; turned off by itself where the kernel refuses the new ones.
    """

    def __init__(self, modern: bool = True) -> None:
        self.modern = modern
        self._mount_points: list[bytes] | None = None

    def open(self, path: bytes, attributes: int, dirfd: int = linux.AT_FDCWD) -> Source:
        """Open ``path``, symbolic links followed.

        Raises:
            OSError: it can't be opened or cloned.
        """
        if self.modern:
            source = self._open_tree(path, attributes, dirfd)
            if source is not None:
                return source
        fd = os.open(path, linux.O_PATH_CLOEXEC, dir_fd=None if dirfd < 0 else dirfd)
        return Source(fd, attributes, False)

    def _open_tree(self, path: bytes, attributes: int, dirfd: int) -> Source | None:
        fd = -1
        try:
            fd = linux.open_tree(dirfd, path, linux.CLONE_TREE)
            linux.mount_setattr(fd, linux.AT_RECURSIVE, attributes)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            if error.errno not in (ENOSYS, EPERM):
                raise
            if not linux.lacks(linux.NR_open_tree) and not linux.lacks(linux.NR_mount_setattr):
                raise
            self.modern = False
            return None
        return Source(fd, attributes, True)

    def attach(self, source: Source, target: int, name: bytes = b"") -> None:
        """Mount ``source`` on what the descriptor ``target`` (or ``name`` in it) is open on.

        Raises:
            OSError: the mount failed.
            Failure: it is mounted, but its flags could not be set.
        """
        if source.is_tree:
            linux.move_mount(source.fd, target, name)
            return
        place = os.open(name, linux.O_PATH_NOFOLLOW, dir_fd=target) if name else target
        where = os.readlink(proc_path(place))
        linux.mount(proc_path(source.fd), proc_path(place), None, linux.MS_SILENT | linux.MS_BIND | linux.MS_REC)
        if name:
            os.close(place)
        top = os.open(where, linux.O_PATH_NOFOLLOW)
        try:
            self._flag_tree(source, top, where)
        finally:
            os.close(top)

    def set_attributes(self, fd: int, attributes: int) -> None:
        """Set flags on the one mount whose root ``fd`` is open on.

        Raises:
            OSError: EINVAL: it is no mount's root.
        """
        if self.modern:
            try:
                linux.mount_setattr(fd, 0, attributes)
            except OSError as error:
                if error.errno not in (ENOSYS, EPERM) or not linux.lacks(linux.NR_mount_setattr):
                    raise
            else:
                return
        add_flags(fd, attributes)

    # --- the fallback: what mount_setattr does at once ---

    def _flag_tree(self, source: Source, top: int, where: bytes) -> None:
        """Set the flags of the mount at ``top`` and of every mount that came with it."""
        inside = os.fstat(top)
        if (inside.st_dev, inside.st_ino) != (source.info.st_dev, source.info.st_ino):
            raise Failure(b"Can't find the mount at %s again" % where)
        add_flags(top, source.attributes)
        if not source.is_directory:
            return
        origin = os.readlink(proc_path(source.fd)).rstrip(b"/") + b"/"
        for mount_point in self._host_mount_points():
            if not mount_point.startswith(origin):
                continue
            try:
                fd = _open_beneath(top, mount_point[len(origin) :])
            except OSError as error:
                if error.errno in _LOOKUP_ERRORS:
                    continue  # what can't be reached can't be used: it is covered, or unreadable for the user
                raise
            try:
                add_flags(fd, source.attributes)
            finally:
                os.close(fd)

    def _host_mount_points(self) -> list[bytes]:
        """Return the paths of all mounts, as they were when the first bind needed them. proc_pid_mountinfo(5).

        Read relative to /proc, the working directory: its paths, and those of descriptors, are this root's.
        """
        if self._mount_points is None:
            with open("self/mountinfo", "rb", buffering=0) as table:
                lines = (table.readall() or b"").splitlines()
            self._mount_points = sorted({_unescape(line.split(b" ", 5)[4]) for line in lines})
        return self._mount_points


def add_flags(fd: int, attributes: int) -> None:
    """Remount what ``fd`` is open on with more flags; those that it has stay, since locked ones must.

    Where ``fd`` is no mount's root (EINVAL), its mount must have the flags already.
    """
    has = os.fstatvfs(fd).f_flag & (linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    try:
        linux.mount(b"none", proc_path(fd), None, linux.MS_SILENT | linux.MS_BIND | linux.MS_REMOUNT | has | attributes)
    except OSError as error:
        if error.errno != EINVAL or has & attributes != attributes:
            raise


def _open_beneath(top: int, path: bytes) -> int:
    """Open ``path`` beneath ``top`` name by name, no symbolic link followed."""
    fd = os.dup(top)
    for name in path.split(b"/"):
        try:
            inner = os.open(name, linux.O_PATH_NOFOLLOW, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


def _unescape(field: bytes) -> bytes:
    r"""Undo the octal escapes (``\040``) of a mountinfo field."""
    head, *rest = field.split(b"\\")
    return head + b"".join([bytes((int(part[:3], 8),)) + part[3:] for part in rest])
