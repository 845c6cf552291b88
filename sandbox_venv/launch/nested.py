"""Names below the top of the project that host tools obey, looked for at each start and after each session.

Hot: ``os`` only. Bounded, nearest first, so that a session can't make a later start slow; what a plan found when it
was compiled (further down, too) is in its slots anyway.
"""

from __future__ import annotations

from .inside.system import modes as stat
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

FOLDERS = 128
ENTRIES = 4096
DEPTH = 4
FEW = 512
DEEPEST = 64
"""Levels below the project of what a ``.git`` may lead to: each is a mount"""
MARKS = (b"pyvenv.cfg", b"conda-meta")
"""What makes a directory a venv, or an environment of conda's"""
HEAD = b"HEAD"
REPOSITORY = {HEAD: 1, b"objects": 2, b"refs": 4, b"commondir": 6}
"""What makes a directory a git directory, whatever its name: git obeys the settings of one that it is started in.

gitrepository-layout(5); all bits together, so HEAD and either both others or what leads to them.
"""
FOLDER_MARKS = (*MARKS, HEAD)

SEARCH, READ = 0o100, 0o500
"""Bits of a directory's mode"""

ENOENT, EACCES, ENOTDIR, ELOOP = 2, 13, 20, 40  # errno(3)
PASSING = (ENOENT, EACCES, ENOTDIR, ELOOP)
"""What may become of a directory between its being listed and its being read; anything else ends the start."""

SKIPPED = frozenset(
    (b"node_modules", b"__pycache__", b".tox", b".nox", b".mypy_cache", b".pytest_cache", b"site-packages", b".hg")
)
"""Directories that hold many others and that no tool takes orders from where they lie"""


def find(project: bytes, names: Container[bytes], skip: Container[bytes]) -> list[bytes]:
    """Return the paths of what is called so in the directories of ``project``, not in the project itself.

    A venv shows as one of its MARKS, a bare repository as its HEAD; neither is looked into. Links are not followed. A
    directory of this user's that can't be read shows itself: a session may have closed it (chmod 000), to open it again
    in the next one.

    Args:
        project: where to look.
        names: what to look for besides.
        skip: paths of directories that are left alone.

    Raises:
        OSError: the project can't be read, or there is no room for the search.
    """
    found: list[bytes] = []
    queue = [(project, 0)]
    entries = ENTRIES
    root = os.geteuid() == 0  # reads what no program inside can
    for folder, depth in queue:  # it grows while it is read
        below = []
        venv = False
        parts = 0
        if root and depth and is_closed(folder, READ):
            found.append(folder)
            continue
        try:
            with os.scandir(folder) as items:
                for item in items:
                    entries -= 1
                    name = item.name
                    parts |= REPOSITORY.get(name, 0)
                    if name in names or name in MARKS:
                        if depth:
                            found.append(item.path)
                            venv = venv or name in MARKS
                    elif name not in SKIPPED and item.is_dir(follow_symlinks=False) and item.path not in skip:
                        below.append((item.path, depth + 1))
                    if not entries:
                        return found
        except OSError as error:
            closed = error.errno == EACCES and is_own(folder)
            if error.errno not in PASSING or (closed and not depth):
                raise
            if closed:
                found.append(folder)
            continue
        if parts == 7 and depth:
            found.append(folder + b"/" + HEAD)
            venv = True
        if not venv and depth < DEPTH:
            queue += below[: max(0, FOLDERS - len(queue))]
    return found


def names_in(folder: bytes) -> set[bytes]:
    """Return the names in a directory; none where there are so many that asking for single ones is less work."""
    found: set[bytes] = set()
    try:
        with os.scandir(folder) as items:
            for item in items:
                found.add(item.name)
                if len(found) > FEW:
                    return set()
    except OSError:
        return set()
    return found


def marked(path: bytes) -> bytes:
    """Return what is protected for a path that :func:`find` found: the whole directory where it is a mark of one."""
    folder, _, name = path.rpartition(b"/")
    return folder if name in FOLDER_MARKS else path


def led_to(path: bytes, project: bytes) -> tuple[bytes, bytes]:
    """Return what a link says (b"" where it is none), and where it leads to in ``project`` in the end, or b""."""
    try:
        return os.readlink(path), _inside(path, project)
    except OSError:
        return b"", b""


def is_own(folder: bytes) -> bool:
    """Tell whether this user owns a directory, so that a session may change its mode."""
    try:
        return os.lstat(folder).st_uid == os.geteuid()
    except OSError:
        return False


def closed_above(path: bytes) -> bytes:
    """Return the directory on the way to ``path`` that can't be searched and that this user owns, b"" where none is."""
    for at in range(1, len(path)):
        if path[at] == ord("/"):
            folder = path[:at]
            if is_closed(folder, SEARCH):
                return folder
            if not os.access(folder, os.X_OK):
                return b""
    return b""


def is_closed(folder: bytes, needed: int) -> bool:
    """Tell whether this user owns a directory and its mode forbids what is needed: to root, too, inside a sandbox."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and stat.S_ISDIR(status.st_mode) and status.st_mode & needed != needed


def git_directory(path: bytes, project: bytes) -> bytes:
    """Return where a ``.git`` that is a link, or a file that says ``gitdir:``, leads to inside ``project``, else b"".

    The directory itself may be called anything, and is where the hooks and the settings are.
    """
    try:
        target = os.readlink(path)
    except OSError:
        kind, _, target = _read_start(path).partition(b"gitdir:")
        target = target.strip()
        if kind.strip() or not _is_one_path(target):
            return b""
    return _inside(os.path.join(os.path.dirname(path), target), project)


def common_directory(folder: bytes, project: bytes) -> bytes:
    """Return where a git directory's ``commondir`` leads to inside ``project``, else b"": hooks and settings are there.

    gitrepository-layout(5). A repository's worktrees have one, and the directory needn't be called ``.git``.
    """
    target = _read_start(folder + b"/commondir").strip()
    return _inside(os.path.join(folder, target), project) if _is_one_path(target) else b""


def _read_start(path: bytes) -> bytes:
    """Return what a small file holds, b"" where there is none; no link is followed, no FIFO waited for."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _is_one_path(text: bytes) -> bool:
    return text != b"" and b"\0" not in text and b"\n" not in text


def _inside(path: bytes, project: bytes) -> bytes:
    """Return the real path of a directory that is there, in the project and no decoy of a thousand levels, else b""."""
    real = os.path.realpath(path)
    if not real.startswith(project + b"/") or real.count(b"/", len(project)) > DEEPEST:
        return b""
    return real if os.path.lexists(real) else b""
