"""The new root while it is built: every mount point is found by descriptor, and never outside of it.

A destination is walked beneath the root's descriptor. A symbolic link on the way is followed only where no
sandbox can have planted it (`NewRoot._trust`), and then by hand, so that it can't lead out of the new root.
"""

from __future__ import annotations

import os

from .. import linux
from .failure import Failure

ENOENT, EEXIST, ENOTDIR, EISDIR, EINVAL, ELOOP = 2, 17, 20, 21, 22, 40  # errno(3)
EAGAIN, EACCES, ENAMETOOLONG = 11, 13, 36
S_IFMT, S_IFDIR, S_IFREG, S_IFLNK = 0o170000, 0o040000, 0o100000, 0o120000  # inode(7)
MAX_LINKS = 40  # path_resolution(7)
PARENTS = 0o700  # of parents that an option without --perms has made; the manual says 0755, but so do all releases
ANYTHING, DIRECTORY, FILE = range(3)  # what a walk may end at, and creates where nothing is


class PlantedLink(OSError):
    """A symbolic link on the way that a sandbox could have made; errno is ELOOP."""


def proc_path(fd: int) -> bytes:
    """Return the magic link for calls that take no descriptor. proc_pid_fd(5).

    Relative: while the root is built, the working directory is the host's /proc, wherever the host's root is.
    """
    return b"self/fd/%d" % fd


class NewRoot:
    """A tmpfs on ``base``, with the root to be in its directory ``newroot``.

    What the sandbox must never see (upper layers of overlays, data files before they are bound) lies beside it.

    Args:
        apart: pivot now, so that the host's tree, which is still to be copied, doesn't hold the new one.
        base: a directory of the host that can be covered meanwhile.
    """

    def __init__(self, apart: bool = False, base: bytes = b"/tmp") -> None:
        try:
            linux.mount(b"tmpfs", base, b"tmpfs", linux.MS_NODEV | linux.MS_NOSUID)
        except OSError as error:
            raise Failure(b"Failed to mount tmpfs", error.errno or 0, mounting=True) from None
        self.base = os.open(base, linux.O_PATH_DIRECTORY)
        try:
            os.mkdir("newroot", 0o755, dir_fd=self.base)
        except OSError as error:  # EOVERFLOW: the user isn't mapped
            raise Failure(b"Creating newroot failed", error.errno or 0) from None
        target = base + b"/newroot"
        try:
            linux.mount(target, target, None, linux.MS_SILENT | linux.MS_BIND | linux.MS_REC)
        except OSError as error:
            raise Failure(b"setting up newroot bind", error.errno or 0, mounting=True) from None
        self.fd = os.open(target, linux.O_PATH_DIRECTORY)
        self._own = {os.fstat(self.fd).st_dev}
        self._parents: dict[bytes, int] = {}
        if apart:
            os.mkdir("oldroot", 0o755, dir_fd=self.base)
            linux.pivot_root(base, base + b"/oldroot")

    def enter(self) -> None:
        """Make it the root of this process's mount namespace, and let go of everything else."""
        os.fchdir(self.fd)
        linux.pivot_root(b".", b".")  # the old root is now mounted over the new one, where "." finds it
        linux.umount(b".")
        os.chdir("/")
        for fd in (self.fd, self.base, *self._parents.values()):
            os.close(fd)

    # --- what lies on top after a mount ---

    def covered(self) -> None:
        """Forget what was looked up: a directory was mounted somewhere, perhaps on the root itself."""
        for fd in self._parents.values():
            os.close(fd)
        self._parents.clear()
        os.close(self.fd)
        self.fd = os.open("newroot", linux.O_PATH_DIRECTORY, dir_fd=self.base)

    def own(self, fd: int) -> None:
        """Note that ``fd`` is open on a file system that this set-up made, so its links are this list's own."""
        self._own.add(os.fstat(fd).st_dev)

    # --- looking up and making ---

    def directory(self, dest: bytes, mode: int = 0o755, parent_mode: int = PARENTS) -> int:
        """Return an O_PATH descriptor of the directory ``dest``, made where it is missing, with its parents."""
        fd = self._look_up(dest, linux.O_PATH_DIRECTORY)
        if fd >= 0:
            return fd
        parent, name = self.parent(dest, parent_mode)
        try:
            os.mkdir(name, mode, dir_fd=parent)
            return os.open(name, linux.O_PATH_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        except OSError as error:
            if error.errno not in (EEXIST, ENOTDIR, ELOOP):
                raise _error(b"Can't mkdir " + dest, dest, error) from None
            return self._walk(dest, b"Can't mkdir " + dest, -1, DIRECTORY, mode)

    def existing(self, dest: bytes, text: bytes) -> int:
        """Return an O_PATH descriptor of ``dest``, whatever it is; nothing is made."""
        fd = self._look_up(dest, linux.O_PATH_CLOEXEC)
        return fd if fd >= 0 else self._walk(dest, text, -1, ANYTHING, -1)

    def parent(self, dest: bytes, parent_mode: int = PARENTS) -> tuple[int, bytes]:
        """Return the directory that holds ``dest``, made where it is missing, and the last name of ``dest``.

        The descriptor belongs to the root: it is kept for the next destination in the same directory.
        """
        head, _, name = dest.rstrip(b"/").rpartition(b"/")
        if name and dest.endswith(b"/"):  # then bwrap counts it among the parents
            os.close(self._walk(dest, b"Can't mkdir parents for " + dest, parent_mode, DIRECTORY, parent_mode))
        fd = self._parents.get(head, -1)
        if fd < 0:
            fd = self._look_up(head or b"/", linux.O_PATH_DIRECTORY)
            if fd < 0:
                fd = self._walk(head, b"Can't mkdir parents for " + dest, parent_mode, DIRECTORY, parent_mode)
            self._parents[head] = fd
        return fd, name or b"."

    def file_place(self, dest: bytes) -> tuple[int, bytes]:
        """Return where a file can be mounted: a directory and the name of an empty file, made there just now.

        The directory's descriptor belongs to the root. Where ``dest`` is there already: a descriptor of it, no name.
        """
        parent, name = self.parent(dest)
        try:
            os.mknod(name, S_IFREG | 0o444, dir_fd=parent)
        except FileExistsError:
            return self.file(dest), b""
        except OSError as error:
            raise _error(b"Can't create file at " + dest, dest, error) from None
        return parent, name

    def file(
        self, dest: bytes, parent_mode: int = PARENTS, mode: int = 0o444, text: bytes = b"Can't create file at "
    ) -> int:
        """Return an O_PATH descriptor of ``dest``, which is no directory; made, empty, where it is missing."""
        parent, name = self.parent(dest, parent_mode)
        text += dest
        try:
            os.mknod(name, S_IFREG | mode, dir_fd=parent)
        except FileExistsError:
            pass
        except OSError as error:
            raise _error(text, dest, error) from None
        try:
            fd = os.open(name, linux.O_PATH_NOFOLLOW, dir_fd=parent)
        except OSError as error:
            raise _error(text, dest, error) from None
        kind = os.fstat(fd).st_mode & S_IFMT
        if kind == S_IFLNK:
            os.close(fd)
            fd = self._walk(dest, text, -1, FILE, mode)
            kind = os.fstat(fd).st_mode & S_IFMT
        if kind == S_IFDIR:
            raise Failure(text, EISDIR)
        return fd

    # --- the walk ---

    def _look_up(self, dest: bytes, flags: int) -> int:
        """Open what is there, with no link on its way; -1 where the walk shall see what there is."""
        try:
            return linux.openat2(self.fd, dest, flags, 0, _BENEATH)
        except OSError as error:
            if error.errno in _FOR_THE_WALK:
                return -1
            if error.errno in (linux.EPERM, linux.ENOSYS) and linux.lacks(linux.NR_openat2):
                return -1
            raise

    def _walk(self, path: bytes, text: bytes, parent_mode: int, kind: int, mode: int) -> int:
        """Walk ``path`` name by name, make what is missing (with mode -1: nothing), return an O_PATH descriptor."""
        stack: list[int] = []
        try:
            return self._steps(path, stack, parent_mode, kind, mode)
        except OSError as error:
            raise _error(text, path, error) from None
        finally:
            for fd in stack:
                os.close(fd)

    def _steps(self, path: bytes, stack: list[int], parent_mode: int, kind: int, mode: int) -> int:
        names = _names(path)
        links = 0
        linked = len(names) + 1  # names above this height came from a link: no directory is made for them
        while names:
            name = names.pop()
            here = stack[-1] if stack else self.fd
            if name == b"..":
                if stack:
                    os.close(stack.pop())
                continue
            last = not names
            make = -1 if len(names) >= linked and not (last and kind == FILE) else mode if last else parent_mode
            fd = _enter(here, name, kind if last else DIRECTORY, make)
            found = os.fstat(fd).st_mode & S_IFMT
            if found == S_IFLNK:
                links += 1
                target = self._read_link(here, fd, links)
                if target.startswith(b"/"):
                    while stack:
                        os.close(stack.pop())
                linked = min(linked, len(names))
                names.extend(_names(target))
            elif last and kind != DIRECTORY:
                return fd
            elif found == S_IFDIR:
                stack.append(fd)
            else:
                os.close(fd)
                raise OSError(ENOTDIR, "")
            if len(names) < linked:
                linked = len(names) + 1
        return stack.pop() if stack else os.dup(self.fd)

    def _read_link(self, here: int, fd: int, links: int) -> bytes:
        try:
            if not self._trust(here):
                raise PlantedLink(ELOOP, "")
            if links > MAX_LINKS:
                raise OSError(ELOOP, "")
            return os.readlink(b"", dir_fd=fd)
        finally:
            os.close(fd)

    def _trust(self, directory: int) -> bool:
        """Say whether no sandbox can have planted a link in ``directory``.

        Ours are the links on a file system that this option list made. On the host's, only where the user can't
        write: not through this mount, which is read-only, or not at all.
        """
        info = os.fstat(directory)
        if info.st_dev in self._own:
            return True
        if os.fstatvfs(directory).f_flag & os.ST_RDONLY:
            return True
        return info.st_uid != os.geteuid() and not os.access(proc_path(directory), os.W_OK, effective_ids=True)


def _error(text: bytes, dest: bytes, error: OSError) -> Failure:
    if isinstance(error, PlantedLink):
        return Failure(b"Can't use %s: a symbolic link on the way lies where a sandbox may write" % dest)
    return Failure(text, error.errno or 0)


_FOR_THE_WALK = (ENOENT, EAGAIN, EACCES, ENOTDIR, ENAMETOOLONG, ELOOP)
_BENEATH = linux.RESOLVE_IN_ROOT | linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS


def _names(path: bytes) -> list[bytes]:
    """Return the names of a path, last first."""
    return [name for name in reversed(path.split(b"/")) if name not in (b"", b".")]


def _enter(directory: int, name: bytes, kind: int, mode: int) -> int:
    """Open ``name`` in ``directory`` without following it; make it where it is missing and ``mode`` allows."""
    try:
        return os.open(name, linux.O_PATH_NOFOLLOW, dir_fd=directory)
    except FileNotFoundError:
        if mode < 0 or kind == ANYTHING:
            raise
    if kind == DIRECTORY:
        os.mkdir(name, mode, dir_fd=directory)
    else:
        os.mknod(name, S_IFREG | mode, dir_fd=directory)
    return os.open(name, linux.O_PATH_NOFOLLOW, dir_fd=directory)
