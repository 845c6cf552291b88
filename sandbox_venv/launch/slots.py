"""What of a plan depends on the call: descriptors of the sources that a session could have replaced.

Hot: ``os`` and ``stat`` only. A slot is a kind and two arguments:

| kind | arguments | what becomes of it |
|---|---|---|
| ``rw``, ``ro`` | source, mount point | opened without following any link, bound by descriptor |
| ``rw-try``, ``ro-try`` | the same | left out where the source is absent or not a file or directory |
| ``protect`` | project | each name of the plan's PROTECT section that exists there, read-only; likewise each of its |
| | | ``nested-names`` (META), and venvs, in directories below (``launch/nested.py``) and what ``.git`` leads to |
| ``point-dir``, ``point-file`` | directory, path below it | the mount point is made there, without following links |
| ``--…`` | up to two arguments | that bubblewrap option as it stands |
| ``+`` | one or two | further arguments of the option before |
"""

from __future__ import annotations

from . import nested
from .inside.system import modes as stat
from .inside.system import os

PATH_FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_NESTED = 64
"""So many protected names below the project's top are mounted besides those that the plan knows."""


NO_POINT = "a mount point must be there, and it is a link or of another kind"


class TooManyError(Exception):
    """There are more protected names below the project's top than a start takes on: the plan shall know them."""


COVERING = (b"--tmpfs", b"--ro-bind", b"--bind", b"--ro-bind-try", b"--bind-try", b"--dev-bind", b"--dev-bind-try")
"""Options that lay a mount over what was at their mount point."""


def open_path(path: bytes) -> int:
    """Open ``path`` (absolute) with O_PATH, following no link in any component.

    Raises:
        OSError: as open(2); ELOOP or ENOTDIR where a component is a link.
    """
    fd = os.open(b"/", PATH_FLAGS | os.O_DIRECTORY)
    parts = [part for part in path.split(b"/") if part]
    for at, part in enumerate(parts):
        flags = PATH_FLAGS if at + 1 == len(parts) else PATH_FLAGS | os.O_DIRECTORY
        try:
            below = os.open(part, flags, dir_fd=fd)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        finally:
            os.close(fd)
        fd = below
    return fd


class Slots:
    """Fills the slots of one start.

    Args:
        protect: names protected at the top of the project.
        nested_names: names protected in directories below it.

    Attributes:
        options: bubblewrap options.
        descriptors: those that the options name.
        verify: mount point, device, inode in turn, for init.
        absent: project and the protected names that are not there, in one list each.
        links: protected names that are links, with where they lead: nothing can be mounted on the link itself.
        firm: mount points that nothing may cover.
        nested: per project, which protected names there were in the directories below.
        skip: mount points, whose insides are not looked at for protected names.
        pinned: directories right below the private home that this start made a tmpfs of.
    """

    __slots__ = (
        "absent", "descriptors", "firm", "links", "nested", "nested_names", "options", "pinned", "points", "project",
        "protect", "skip", "verify",
    )  # fmt: skip

    def __init__(self, protect: list[bytes], nested_names: Iterable[bytes] = ()) -> None:
        self.protect = protect
        self.nested_names = frozenset(nested_names)
        self.options: list[bytes] = []
        self.descriptors: list[int] = []
        self.verify: list[bytes] = []
        self.absent: list[tuple[bytes, list[bytes]]] = []
        self.links: list[tuple[bytes, tuple[bytes, bytes]]] = []
        self.firm: set[bytes] = set()
        self.nested: list[tuple[bytes, set[bytes]]] = []
        self.skip: set[bytes] = set()
        self.points: set[bytes] = set()
        self.pinned: list[bytes] = []
        self.project = b""

    def fill(self, slots: list[bytes]) -> None:
        """Add what ``slots`` (kind and two arguments in turn) say."""
        self._know(slots)
        for kind, first, second in zip(slots[::3], slots[1::3], slots[2::3]):
            if kind[:2] == b"--":
                self.options += [item for item in (kind, first, second) if item]
                if kind in COVERING:
                    self._cover(second or first)
            elif kind == b"+":
                self.options += [item for item in (first, second) if item]
            elif kind == b"protect":
                self._protect(first)
            elif kind in (b"point-dir", b"point-file"):
                make_point(first, second, directory=kind == b"point-dir")
            else:
                self._bind(kind, first, second)

    def look(self, slots: list[bytes]) -> None:
        """Find and open the protected names alone, for a start by the plan's records."""
        self._know(slots)
        for kind, first in zip(slots[::3], slots[1::3]):
            if kind == b"protect":
                self._protect(first)

    def close(self) -> None:
        """Close what is open."""
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = []

    def _know(self, slots: list[bytes]) -> None:
        for kind, first, second in zip(slots[::3], slots[1::3], slots[2::3]):
            if kind == b"protect":
                self.project = first
            if kind[:2] in (b"rw", b"ro"):
                self.points.add(second)
                if first != second or not kind.endswith(b"-try"):
                    self.firm.add(second)
                if kind[:2] == b"ro":
                    self.skip.add(second)

    def _bind(self, kind: bytes, source: bytes, target: bytes) -> None:
        if kind.endswith(b"-try") and os.geteuid() == 0 and source.startswith(self.project + b"/"):
            closed = nested.closed_above(source)  # to root, too, once it has no capabilities
            if closed:
                self._keep_closed(closed)
                return
        try:
            fd = open_path(source)
        except OSError as error:
            if not kind.endswith(b"-try") or error.errno not in nested.PASSING:
                raise
            if error.errno == nested.EACCES and kind[:2] == b"ro":
                self._keep_closed(nested.closed_above(source))
            return
        status = os.fstat(fd)
        if stat.S_ISLNK(status.st_mode):
            os.close(fd)
            if kind.endswith(b"-try"):
                return
            raise OSError(40, "it is a symbolic link now, which it was not when it was checked", source)
        self.add(b"--ro-bind-fd" if kind[:2] == b"ro" else b"--bind-fd", fd, target, status)

    def _keep_closed(self, folder: bytes) -> None:
        """Have a directory stay closed that a session may have closed, with something protected in it: read-only."""
        if self.project and folder.startswith(self.project + b"/") and folder not in self.skip:
            self.points.discard(folder)  # a pin, maybe: it is writable
            self._protect_path(self.project, folder)

    def add(self, option: bytes, fd: int, target: bytes, status: os.stat_result) -> None:
        """Add a bind of an open descriptor."""
        self._cover(target)
        self.descriptors.append(fd)
        self.options += [option, b"%d" % fd, target]
        self.verify += [target, b"%d" % status.st_dev, b"%d" % status.st_ino]

    def forget(self, target: bytes) -> None:
        """Forget what is to be verified at or below a mount point that is about to be mounted over."""
        self._cover(target)

    def _cover(self, target: bytes) -> None:
        """Forget what is to be verified at or below a mount point that is mounted over."""
        below = target + b"/"
        old = self.verify
        self.verify = []
        for at in range(0, len(old), 3):
            if old[at] != target and not old[at].startswith(below):
                self.verify += old[at : at + 3]

    def _protect(self, project: bytes) -> None:
        top = open_path(project)
        absent = []
        leads = []
        there = nested.names_in(project)
        for name in self.protect:
            if there and name not in there:
                absent.append(name)
                continue
            try:
                fd = os.open(name, PATH_FLAGS, dir_fd=top)
            except FileNotFoundError:
                absent.append(name)
                continue
            status = os.fstat(fd)
            path = project + b"/" + name
            if name == b".git" and not stat.S_ISDIR(status.st_mode):
                leads.append(path)
            if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                self.add(b"--ro-bind-fd", fd, path, status)
                continue
            if stat.S_ISLNK(status.st_mode) and path not in leads:  # those follow below
                self.links.append((path, nested.led_to(path, project)))
            os.close(fd)
        os.close(top)
        self.absent.append((project, absent))
        self._protect_nested(project, leads)

    def _protect_nested(self, project: bytes, leads: list[bytes]) -> None:
        """Protect what lies further down, and the git directories that the ``.git`` files or links ``leads`` name."""
        found = nested.find(project, self.nested_names, self.skip) if self.nested_names else []
        self.nested.append((project, set(found)))
        known = self.points | self.skip
        new = [path for path in found if path not in known and nested.marked(path) not in known]
        if len(new) > MOST_NESTED:
            raise TooManyError
        for path in [*found, *leads]:
            name = os.path.basename(path)
            if name not in self.nested_names and name not in nested.FOLDER_MARKS and path not in leads:
                self._keep_closed(path)
            elif path not in leads:
                self._protect_path(project, nested.marked(path))
            led = nested.led_to(path, project)
            if led[0]:
                self.links.append((path, led))
            if name == b".git":
                self._protect_git(project, path)
        for _, (_, real) in self.links:  # what the host's tools read
            if real and not any(point.startswith(real + b"/") for point in self.firm):
                self._protect_path(project, real)

    def _protect_git(self, project: bytes, path: bytes) -> None:
        """Protect the directories that a ``.git`` file or link leads to."""
        own = nested.git_directory(path, project)
        for target in (nested.common_directory(own, project), own) if own else ():
            above = [target[:at] for at in range(len(target)) if target[at] == ord("/")]
            if target and not any(folder + b"/" + nested.MARKS[0] in self.skip for folder in above):
                self._protect_path(project, target)

    def _protect_path(self, project: bytes, path: bytes) -> None:
        """Mount something below the project read-only, with the directories above it pinned by mounts of their own."""
        above = [path[:at] for at in range(len(project) + 1, len(path)) if path[at] == ord("/")]
        if path in self.points or any(folder in self.skip for folder in above):
            return
        points = [*(folder for folder in above if folder not in self.points), path]
        opened: list[int] = []
        try:
            opened.extend(map(open_path, points))
        except OSError as error:  # it is gone, or a link by now: no session can have done that to what was protected
            for fd in opened:
                os.close(fd)
            if error.errno not in nested.PASSING:
                raise
            if error.errno == nested.EACCES:
                self._keep_closed(nested.closed_above(path))
            return
        for fd, point in zip(opened, points):
            status = os.fstat(fd)
            if stat.S_ISLNK(status.st_mode) or not (stat.S_ISDIR(status.st_mode) or point == path):
                os.close(fd)
                continue
            self.add(b"--ro-bind-fd" if point == path else b"--bind-fd", fd, point, status)
            self.points.add(point)
        self.skip.add(path)

    def appeared(self) -> list[bytes]:
        """Return the paths of protected names that a session made or changed."""
        found = appeared(self.absent)
        found += [
            path for path, was in self.links if os.path.lexists(path) and nested.led_to(path, self.project) != was
        ]
        for project, known in self.nested:
            try:
                now = nested.find(project, self.nested_names, self.skip) if self.nested_names else []
            except OSError:
                now = [project]  # closed by the session
            found += [path for path in now if path not in known]
        return found


def make_point(root: bytes, below: bytes, *, directory: bool) -> None:
    """Make the mount point ``below`` (relative) under ``root``, each component opened without following links."""
    fd = open_path(root)
    parts = [part for part in below.split(b"/") if part]
    for at, part in enumerate(parts):
        last = at + 1 == len(parts)
        try:
            if last and not directory:
                made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=fd)
                os.close(made)
            else:
                os.mkdir(part, 0o700, dir_fd=fd)
        except FileExistsError:
            pass
        try:
            below_fd = os.open(part, PATH_FLAGS, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below_fd
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode) != (directory or not last) or stat.S_ISLNK(mode):
            os.close(fd)
            raise OSError(20, NO_POINT, root + b"/" + b"/".join(parts[: at + 1]))
    os.close(fd)


def appeared(absent: list[tuple[bytes, list[bytes]]]) -> list[bytes]:
    """Return the paths of protected names that were absent at the start and are there now."""
    found = []
    for project, names in absent:
        there = nested.names_in(project)
        asked = [project + b"/" + name for name in names if not there or name in there]
        found += [path for path in asked if os.path.lexists(path)]
    return found
