"""Files of a venv that are hard links to files elsewhere: an install session must not write those through them.

uv links packages to its cache where it can't clone them, conda to its own. Whoever writes such a file in place writes
the cache, too, and with it every other venv that was made from there. So before an install session each of them becomes
a copy. What a run session may write has no packages of the venv's in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from . import files
from .tree import Tree

APART = ("bin", "sandbox", "home", "cache")
"""Directories of the venv that an install session sees in another way"""


@dataclass(slots=True)
class _Group:
    """The names that one file has in the venv: (directory, relative to the venv's; name)."""

    links: int
    size: int
    names: list[tuple[str, str]] = field(default_factory=list)


def find_shared(venv: int) -> list[_Group]:
    """Return the files in the venv that have names elsewhere, too. No link is followed."""
    groups: dict[tuple[int, int], _Group] = {}
    queue = [".", "sandbox/bin"]
    for folder in queue:  # it grows while it is read
        try:
            fd = os.open(folder, files.DIRECTORY, dir_fd=venv)
        except OSError:
            continue
        with files.closing(fd), os.scandir(fd) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    if folder != "." or item.name not in APART:
                        queue.append(f"{folder}/{item.name}")
                elif item.is_file(follow_symlinks=False):
                    status = item.stat(follow_symlinks=False)
                    if status.st_nlink > 1:
                        key = status.st_dev, status.st_ino
                        group = groups.setdefault(key, _Group(status.st_nlink, status.st_size))
                        group.names.append((folder, item.name))
    return [group for group in groups.values() if len(group.names) < group.links]


def unshare(tree: Tree, say: Callable[[str], None]) -> None:
    """Put copies in the place of such files, each atomically; say so.

    Raises:
        OSError: there is no room, say. What was copied stays so.
    """
    groups = find_shared(tree.venv)
    if not groups:
        return
    size = sum(group.size for group in groups)
    say(f"copying {len(groups)} files of the venv that are hard links to files elsewhere ({size >> 20} MB)")
    for group in groups:
        _copy(tree, group)


def _copy(tree: Tree, group: _Group) -> None:
    """Put one copy in the place of all names of a file."""
    first = -1
    try:
        for folder, name in group.names:
            fd = os.open(folder, files.DIRECTORY, dir_fd=tree.venv)
            try:
                files.remove(tree.stage, "copy")
                if first < 0:
                    files.copy(fd, name, tree.stage, "copy")
                else:
                    os.link(group.names[0][1], "copy", src_dir_fd=first, dst_dir_fd=tree.stage, follow_symlinks=False)
                os.rename("copy", name, src_dir_fd=tree.stage, dst_dir_fd=fd)
            finally:
                if first < 0:
                    first = fd
                else:
                    os.close(fd)
    finally:
        if first >= 0:
            os.close(first)
