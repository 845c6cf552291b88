"""The trusted state directory: paths, checks, atomic writes, locks, the copy of the tool.

Cold. Nothing in it is ever writable from a session. Its path is looked up from the environment when wrapping, never
at launch: launchers hold absolute paths.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SandboxError

if TYPE_CHECKING:
    from .venv.record import Record

NAME = "sandbox-venv"
MAX_LINKS = 40
NOTHING = "nothing"
"""In a record's directory: one that is empty, to be mounted over others."""
HINT = "set XDG_STATE_HOME to a directory that only you can write"


def id_of(path: os.PathLike[str] | bytes) -> str:
    """Return the id of an absolute path (or of a key): the first 20 hex digits of its SHA-256."""
    return hashlib.sha256(path if isinstance(path, bytes) else os.fsencode(path)).hexdigest()[:20]


def user_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's home: ``$HOME`` where it is absolute, else the passwd entry's."""
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    if not home.startswith("/"):
        raise SandboxError("find home directory: neither HOME nor the passwd entry names one", "set HOME")
    return Path(os.path.normpath(home))


def _check_parent(path: str, status: os.stat_result) -> None:
    """Refuse a directory above ours that another user could change under us.

    Writable by the user's own primary group is accepted: distributions with user private groups make it so.
    """
    if status.st_uid not in (0, os.geteuid()):
        raise SandboxError(f"open state directory: {path!r} belongs to another user (uid {status.st_uid})", HINT)
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return
    if status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid not in (0, os.getegid())):
        raise SandboxError(f"open state directory: {path!r} is writable by other users", HINT)


def _real_parent(path: str) -> str:
    """Resolve ``path``, following only links that root or this user made; what doesn't exist stays as it is."""
    current, pending, links = "/", [part for part in path.split("/") if part], 0
    _check_parent("/", os.lstat("/"))
    while pending:
        part = pending.pop(0)
        step = os.path.normpath(os.path.join(current, part))
        try:
            status = os.lstat(step)
        except FileNotFoundError:
            return os.path.normpath(os.path.join(step, *pending))
        except OSError as error:
            raise SandboxError(f"open state directory {step!r}: {error.strerror}", HINT) from None
        _check_parent(step, status)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            target = os.readlink(step)
            if links > MAX_LINKS:
                raise SandboxError(f"open state directory {path!r}: too many links", HINT)
            pending = [item for item in target.split("/") if item] + pending
            current = "/" if target.startswith("/") else current
        elif stat.S_ISDIR(status.st_mode):
            current = step
        else:
            raise SandboxError(f"open state directory: {step!r} is not a directory", HINT)
    return current


def _check_own(path: Path) -> None:
    """Refuse a directory of ours that isn't a directory of this user alone."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise SandboxError(f"open state directory {str(path)!r}: it is not a directory", f"remove it; {HINT}")
    if status.st_uid != os.geteuid():
        raise SandboxError(f"open state directory {str(path)!r}: it belongs to uid {status.st_uid}", HINT)
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        hint = f"see who wrote there, then: chmod 700 {path}"
        raise SandboxError(f"open state directory {str(path)!r}: mode {mode:04o} lets other users in", hint)


class StateDir:
    """The state directory, checked. Make one with :func:`open_state`.

    Attributes:
        root: its real path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def registry_dir(self) -> Path:
        """The directory with one entry a wrapped venv; its mtime changes when one comes or goes."""
        return self.root / "venvs"

    def venv_dir(self, venv: Path) -> Path:
        """Return the directory of the wrapped venv at the absolute path ``venv`` (it may not exist yet)."""
        return self.registry_dir / id_of(venv)

    def run_dir(self, key: bytes) -> Path:
        """Return the directory of plans for a plain venv, or none, with the options in ``key``."""
        return self.root / "runs" / id_of(key)

    def make(self, path: Path) -> Path:
        """Make ``path``, at or below the root, and what is missing above it, 0700; return it checked."""
        if path != self.root and self.root not in path.parents:
            raise ValueError(f"not in the state directory: {path}")
        for folder in [*reversed(path.parents), path]:
            with _errors("make", folder):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
                if folder == self.root or self.root in folder.parents:
                    _check_own(folder)
        return path

    def write_atomic(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Write a file below the root whole or not at all; a full disk leaves the old one.

        Raises:
            SandboxError: it can't be written.
        """
        self.make(path.parent)
        temporary = path.parent / f".tmp-{os.urandom(8).hex()}"
        with _errors("write", path):
            try:
                write_new(temporary, data, mode)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
            sync_dir(path.parent)

    @contextlib.contextmanager
    def lock(self, folder: Path, exclusive: bool = True, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold flock(2) on ``folder/lock``; call ``waiting`` once where another process holds it."""
        self.make(folder)
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        path = folder / "lock"
        while True:
            with _errors("lock", path):
                self.make(folder)
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                try:
                    fcntl.flock(fd, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    if waiting:
                        waiting()
                        waiting = None
                    fcntl.flock(fd, kind)
                if _is_still(fd, path):
                    yield
                    return
            finally:
                os.close(fd)

    def registry(self) -> list[Record]:
        """Return the records of all wrapped venvs, in the order of their ids (the venv itself may be gone).

        Raises:
            SandboxError: one of them is damaged; leaving it out would leave its venv unprotected.
        """
        from .venv.record import RECORD, read_record

        try:
            names = sorted(os.listdir(self.registry_dir))
        except FileNotFoundError:
            return []
        folders = [self.registry_dir / name for name in names]
        return [read_record(folder) for folder in folders if os.path.lexists(folder / RECORD)]

    def install_code(self) -> Path:
        """Copy the running tool and its dependencies to ``code/<hash>``; return that. Idempotent."""
        from .toolcode import install

        return install(self)


def _is_still(fd: int, path: Path) -> bool:
    """Tell whether the locked file is still the one at ``path``: unwrap removes it with its directory."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _errors(verb: str, path: Path) -> Iterator[None]:
    """Turn an OSError into one line."""
    try:
        yield
    except OSError as error:
        raise SandboxError(f"{verb} {str(path)!r}: {error.strerror}", state_hint(error.errno)) from None


def state_hint(number: int | None) -> str:
    """Return what to do about an error while writing."""
    import errno

    if number in (errno.ENOSPC, errno.EDQUOT):
        return "make room on that disk and try again; nothing was changed"
    if number in (errno.EISDIR, errno.ENOTDIR, errno.ELOOP):
        return "something else is in its place: look at it, and move it away"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "see its owner and mode: ls -ld; XDG_STATE_HOME names another place for the state"
    return HINT


def write_new(path: Path | str, data: bytes, mode: int, dir_fd: int | None = None) -> None:
    """Write a file that must not exist yet, and have it on the disk; the umask doesn't count."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600, dir_fd=dir_fd)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, mode)
        os.fsync(fd)
    finally:
        os.close(fd)


def read_regular(path: Path | str, limit: int, *, own: bool = False, dir_fd: int | None = None) -> bytes:
    """Read a regular file of at most ``limit`` bytes; no link is followed, no FIFO waited for.

    Args:
        path: where it is, relative to ``dir_fd`` where that is given.
        limit: bytes.
        own: refuse what another user owns or could have written.
        dir_fd: descriptor of a directory.

    Raises:
        OSError: it can't be opened.
        ValueError: it isn't such a file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if own and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            raise ValueError("not a file of this user alone")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(fd)
    if len(data) > limit:
        raise ValueError(f"longer than {limit} bytes")
    return data


def sync_dir(path: Path) -> None:
    """Have the names in a directory on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_state(environ: Mapping[str, str] = os.environ, create: bool = True) -> StateDir:
    """Open (and make) ``$XDG_STATE_HOME/sandbox-venv``, by default ``~/.local/state/sandbox-venv``.

    Raises:
        SandboxError: it isn't there (``create`` false), or another user could write it.
    """
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = str(user_home(environ) / ".local" / "state")
    root = Path(_real_parent(os.path.normpath(base))) / NAME
    if create:
        return StateDir(StateDir(root).make(root))
    try:
        _check_own(root)
    except FileNotFoundError:
        raise SandboxError(f"open state directory {str(root)!r}: it isn't there", "wrap a venv first") from None
    return StateDir(root)
