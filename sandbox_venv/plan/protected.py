"""What of the project is protected below its top: names that host tools obey, plain venvs, what git's settings name.

What was found once is remembered in the state: a session can make so many names that a search ends before it comes
to what was there first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ..errors import SandboxError
from ..launch import shelter
from ..launch.nested import HEAD, MARKS, READ, REPOSITORY, common_directory, git_directory, is_closed
from ..state import StateDir, read_regular
from .expose import is_below

NESTED_ENTRIES = 40_000
NESTED_DEPTH = 8
MOST_NESTED = 256
"""Bounds of the search for nested protected names, in directory entries, levels and names: a session may make many."""

MOST_AT_ALL = 1024
MOST_LINKED = 4096
LINKED_DEPTH = 3
"""Bounds of the search for links in protected directories, in entries and levels."""

SKIPPED = {"node_modules", "__pycache__", ".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", "site-packages"}

CLOSED = "it can't be looked into: a session may have closed it"
REMEMBERED = "protected"
MAX_REMEMBERED = 1 << 20


def recall(folder: Path, project: str) -> list[str]:
    """Return the paths below ``project`` that an earlier plan of the record in ``folder`` protected, if still there."""
    try:
        data = read_regular(folder / REMEMBERED, MAX_REMEMBERED, own=True)
    except (OSError, ValueError):
        return []
    paths = [os.fsdecode(item) for item in data.split(b"\0") if item]
    return [path for path in paths if path != project and is_below(path, project) and not is_gone(path)]


def is_gone(path: str) -> bool:
    """Tell whether there is surely nothing of that name; what lies in a directory that is closed isn't gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def remember(folder: Path, paths: Iterable[str], state: StateDir) -> None:
    """Keep paths for :func:`recall`."""
    data = b"".join(os.fsencode(path) + b"\0" for path in sorted(set(paths)))
    try:
        known = read_regular(folder / REMEMBERED, MAX_REMEMBERED, own=True)
    except (OSError, ValueError):
        known = b""
    if data != known and len(data) <= MAX_REMEMBERED:
        state.write_atomic(folder / REMEMBERED, data)


def find_nested(
    project: str, names: Iterable[str], skip: Iterable[str], known: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Return (path, reason) of protected names below the top of ``project``; bounded, links not followed.

    A plain venv in the project is found too: the host executes what is in it, its packages included. ``known`` paths
    come first, whatever the bounds.
    """
    wanted, skipped = set(names), set(skip)
    found: list[tuple[str, str]] = []
    budget = NESTED_ENTRIES
    queue = [(project, 0)]
    while queue and budget > 0:
        folder, depth = queue.pop(0)
        if depth and is_closed(os.fsencode(folder), READ):
            found.append((folder, CLOSED))
            continue
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        budget -= len(entries)
        for entry in entries:
            if entry.name == ".git":
                found += [
                    (path, why)
                    for path, why in _git_directories(entry, project)
                    if not any(is_below(own, path) or is_below(path, own) for own in skipped)
                ]
            if entry.is_symlink() or entry.path in skipped:
                continue
            if entry.name in wanted:  # those of the top are protected whole, whatever is in them
                if depth:
                    found.append((entry.path, "host tools take orders from it"))
            elif entry.is_dir(follow_symlinks=False):
                venv = [] if any(is_below(path, entry.path) for path in skipped) else _venv_in(entry.path)
                found += venv
                if not venv and depth < NESTED_DEPTH and entry.name not in SKIPPED:
                    queue.append((entry.path, depth + 1))
    first = [(path, "it was protected before") for path in known if not any(is_below(path, top) for top in skipped)]
    seen = {path for path, _ in first}
    return first + gathered(project, [item for item in dict(found).items() if item[0] not in seen], skipped)


def gathered(project: str, found: list[tuple[str, str]], skipped: Iterable[str]) -> list[tuple[str, str]]:
    """Return ``found`` where it isn't too much, else with whole directories of the project's top in the place of most.

    Raises:
        SandboxError: there is no end of them even so: decoys, that a session made.
    """
    while len(found) > MOST_NESTED:
        count = Counter(path[len(project) + 1 :].split("/", 1)[0] for path, _ in found)
        tops = [f"{project}/{name}" for name, number in count.most_common() if number > 1]
        top = next((top for top in tops if not any(is_below(path, top) for path in skipped)), None)
        if top is None:
            break
        found = [item for item in found if not is_below(item[0], top)]
        found.append((top, "more names in it that host tools obey than can be protected one by one"))
    if len(found) > MOST_AT_ALL:
        text = f"protect {len(found)} repositories, venvs and settings of tools in {project}: that is too many"
        hint = f"remove those that a session made, or move them out of the project: {found[-1][0]} and the like; "
        raise SandboxError(text, hint + "sandbox-venv status lists what sessions made")
    return found


def _git_directories(entry: os.DirEntry[str], project: str) -> list[tuple[str, str]]:
    """Return where a ``.git`` leads to in the project: to its own directory where it is none, and to the common one."""
    root, path = os.fsencode(project), os.fsencode(entry.path)
    own = path if entry.is_dir(follow_symlinks=False) else git_directory(path, root)
    common = common_directory(own, root) if own else b""
    places = [place for place in (common, own) if place not in (b"", path)]
    return [(os.fsdecode(place), f"git's own directory, named by {entry.path}") for place in places]


def outermost(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what lies in nothing else of it, each path once: the records can't say a mount over another."""
    kept = set(shelter.outermost(os.fsencode(path) for path, _ in found))
    return [item for item in dict(found).items() if os.fsencode(item[0]) in kept]


def linked_files(project: str, places: Iterable[str]) -> list[str]:
    """Return the files of ``project`` that links in protected directories lead to: ``.git/hooks/pre-commit``, say.

    Of what git keeps only the hooks are looked at. Bounded, so that nobody's tree makes a plan slow.
    """
    found: dict[str, None] = {}
    left = MOST_LINKED
    for place in places:
        git = os.path.lexists(f"{place}/HEAD")
        queue = [(f"{place}/hooks" if git else place, 0)]
        for folder, depth in queue:  # it grows while it is read
            try:
                entries = [] if _is_venv(folder) else list(os.scandir(folder))[: max(0, left)]
            except OSError:
                continue
            left -= len(entries)
            for entry in entries:
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                    if is_below(real, project) and not is_below(real, place) and os.path.isfile(real):
                        found[real] = None
                elif depth < LINKED_DEPTH and entry.is_dir(follow_symlinks=False):
                    queue.append((entry.path, depth + 1))
    return list(found)


def _is_venv(folder: str) -> bool:
    return any(os.path.lexists(os.path.join(folder, os.fsdecode(mark))) for mark in MARKS)


def _venv_in(folder: str) -> list[tuple[str, str]]:
    """Return ``folder`` where it is a plain venv, an environment of conda's, or a bare repository."""
    for mark in map(os.fsdecode, MARKS):
        path = os.path.join(folder, mark)
        if os.path.lexists(path) and not os.path.islink(path):
            return [(folder, "a venv that the host may start: its programs and every package in it")]
    parts = 0
    for name, bit in REPOSITORY.items():
        parts |= bit if os.path.lexists(os.path.join(folder, os.fsdecode(name))) else 0
        if name == HEAD and not parts:
            break
    return [(folder, "a bare repository: git obeys its settings and hooks")] if parts == 7 else []
