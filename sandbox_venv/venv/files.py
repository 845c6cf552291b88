"""Files of a venv, by descriptor: a link planted where we read, write or remove is never followed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import SandboxError
from ..state import read_regular, state_hint, write_new
from .record import Found

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CHUNK = 1 << 20
FICLONE = 0x40049409  # linux/fs.h
BLOCK = 4096
MAX_HASHED = 1 << 30
"""Bytes beyond which no file in ``bin/`` is looked into: a hole of any size costs nothing to make."""
NO_HARD_LINKS = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL)


def open_path(path: Path) -> int:
    """Open a directory by its absolute path, following no link in any component."""
    fd = os.open("/", DIRECTORY)
    for part in path.parts[1:]:
        try:
            below = os.open(part, DIRECTORY, dir_fd=fd)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
        finally:
            os.close(fd)
        fd = below
    return fd


def open_own(folder: int, name: str, shown: Path, make: int | None = None) -> int:
    """Open a directory below ``folder``; refuse a link, and one that another user owns.

    Args:
        folder: descriptor of the directory above.
        name: its name there.
        shown: its path, for messages.
        make: the mode to make it with, where it is missing.

    Raises:
        SandboxError: it is not a directory of ours.
        OSError: it isn't there, or can't be made.
    """
    if make is not None:
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            make = None
    try:
        fd = open_folder(folder, name)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise SandboxError(
                f"open {str(shown)!r}: it must be a directory, not a link or a file", "see what it is, and remove it"
            ) from None
        raise OSError(error.errno, error.strerror, str(shown)) from None
    owner = os.fstat(fd).st_uid
    if owner != os.geteuid():
        os.close(fd)
        raise SandboxError(f"open {str(shown)!r}: it belongs to another user (uid {owner})", "wrap it as its owner")
    if make is not None:
        os.fchmod(fd, make)
    return fd


@contextlib.contextmanager
def closing(*fds: int) -> Iterator[None]:
    """Close descriptors at the end."""
    try:
        yield
    finally:
        for fd in fds:
            os.close(fd)


def exists(folder: int, name: str) -> bool:
    """Tell whether there is anything of that name."""
    return lstat(folder, name) is not None


def lstat(folder: int, name: str) -> os.stat_result | None:
    """Return the status of a name itself, None where there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def read_file(folder: int, name: str, limit: int) -> bytes | None:
    """Return the contents of a regular file of at most ``limit`` bytes; None where it is anything else."""
    try:
        return read_regular(name, limit, dir_fd=folder)
    except (OSError, ValueError):
        return None


def open_regular(folder: int, name: str) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it can't be read, or is (by now) anything else.
    """
    fd = os.open(name, READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", name)
    return open(fd, "rb")


def describe(folder: int, name: str) -> Found | None:
    """Return what a name is, with the hash of a file's contents (but of huge ones); None where there is nothing.

    Raises:
        OSError: a file can't be read.
    """
    status = lstat(folder, name)
    if status is None:
        return None
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Found("link", target=os.readlink(name, dir_fd=folder), mtime_ns=status.st_mtime_ns)
    if stat.S_ISDIR(status.st_mode):
        return Found("dir", mode)
    if not stat.S_ISREG(status.st_mode):
        return Found("other", mode)
    if status.st_size > MAX_HASHED:
        return Found("file", mode, status.st_size, mtime_ns=status.st_mtime_ns)
    total = hashlib.sha256()
    with open_regular(folder, name) as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return Found("file", mode, status.st_size, total.hexdigest(), mtime_ns=status.st_mtime_ns)


def as_error(action: str, error: OSError) -> SandboxError:
    """Return the one line for what went wrong in the midst of ``action``."""
    where = f" {error.filename!r}:" if isinstance(error.filename, (str, bytes)) else ""
    return SandboxError(f"{action}:{where} {error.strerror}", state_hint(error.errno))


def remove(folder: int, name: str) -> None:
    """Remove a file or link, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def open_folder(folder: int, name: str) -> int:
    """Open a directory, and let its owner look into it and change it, where a session took that away (chmod 000)."""
    try:
        fd = os.open(name, DIRECTORY, dir_fd=folder)
    except PermissionError:
        with closing(path := os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)):
            os.chmod(f"/proc/self/fd/{path}", 0o700)  # that very directory, whatever has its name by now
        fd = os.open(name, DIRECTORY, dir_fd=folder)
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & 0o700 != 0o700:
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, mode | 0o700)
    return fd


def remove_tree(folder: int, name: str) -> None:
    """Remove whatever has that name, a directory with all that is in it, however deep; no link is followed."""
    status = lstat(folder, name)
    if status is None:
        return
    if not stat.S_ISDIR(status.st_mode):
        remove(folder, name)
        return
    with closing(top := open_folder(folder, name)):
        while found := os.listdir(top):
            for item in found:
                _remove_level(top, item)
    os.rmdir(name, dir_fd=folder)


def _remove_level(top: int, name: str) -> None:
    """Remove a file in ``top``, or a directory with the files in it, whose own directories come to ``top`` first."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        remove(top, name)
        return
    with closing(fd := open_folder(top, name)):
        for item in os.listdir(fd):
            if stat.S_ISDIR(os.stat(item, dir_fd=fd, follow_symlinks=False).st_mode):
                os.close(open_folder(fd, item))  # one that can't be written can't be moved
                os.rename(item, f"gone-{os.urandom(8).hex()}", src_dir_fd=fd, dst_dir_fd=top)
            else:
                remove(fd, item)
    os.rmdir(name, dir_fd=top)


def copy(source: int, name: str, target: int, new: str) -> None:
    """Copy a file or link as it is (contents, mode, time) to a name that is free."""
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), new, dir_fd=target)
        return
    with open_regular(source, name) as file:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(new, flags, 0o600, dir_fd=target), "wb") as out:
            shutil.copyfileobj(file, out, CHUNK)
            out.flush()
            os.fchmod(out.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(out.fileno())


def put(source: int, name: str, target: int, new: str, stage: int) -> None:
    """Put a file or link that stays where it is at a second place too, atomically over what may be there.

    A hard link where the file system has them and allows it, else a copy.

    Args:
        source: descriptor of the directory where it is.
        name: its name there.
        target: descriptor of the directory where it shall be too.
        new: its name there.
        stage: a directory of ours on the same file system, for the step between.
    """
    temporary = f"put-{os.urandom(6).hex()}"
    try:
        try:
            os.link(name, temporary, src_dir_fd=source, dst_dir_fd=stage, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            copy(source, name, stage, temporary)
        os.rename(temporary, new, src_dir_fd=stage, dst_dir_fd=target)
    finally:
        remove(stage, temporary)  # rename(2) of two links to one file does nothing and leaves both


def stage_file(stage: int, name: str, data: bytes, mode: int, like: Path | None = None) -> None:
    """Write a file in the stage, over an older one; ``like``: a file whose blocks it may share."""
    remove_tree(stage, name)
    if like is None or not _share(stage, name, data, mode, like):
        write_new(name, data, mode, dir_fd=stage)


def _share(stage: int, name: str, data: bytes, mode: int, like: Path) -> bool:
    """Write a file as a reflink of another one, and the blocks in which they differ; tell whether that could be done.

    Both are files of their own: only what neither has changed lies on the disk once. ioctl_ficlone(2).
    """
    try:
        source = os.open(like, READ)
    except OSError:
        return False
    made = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=stage)
    try:
        fcntl.ioctl(made, FICLONE, source)
        for at in range(0, len(data), BLOCK):
            if os.pread(made, BLOCK, at) != data[at : at + BLOCK]:
                os.pwrite(made, data[at : at + BLOCK], at)
        os.ftruncate(made, len(data))
        os.fchmod(made, mode)
        os.fsync(made)
    except OSError:  # another file system, or one that can't; no room, which the copy says
        os.unlink(name, dir_fd=stage)
        return False
    finally:
        os.close(source)
        os.close(made)
    return True
