"""Which links and binds make host paths visible under their own names inside."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

MAX_LINKS = 40
"""As path_resolution(7): more links than this in one path are ELOOP."""


def is_below(path: str, root: str) -> bool:
    """Tell whether ``path`` is ``root`` or lies below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


@dataclass(slots=True)
class Exposure:
    """What has been made visible.

    Attributes:
        links: path → (target as read, reason).
        binds: path inside → (source on the host, reason, is a directory).
        home: paths directly below it can't be links (it is the private home's own directory): such a link on the
            host becomes a directory of that name inside.
    """

    home: str = ""
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    binds: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)

    def covered(self, path: str) -> bool:
        """Tell whether a directory bound whole shows ``path``."""
        while True:
            if path in self._folders:
                return True
            if path == "/" or not path:
                return False
            path = os.path.dirname(path)

    def expose(self, path: str, reason: str) -> bool:
        """Make ``path`` (absolute) visible, with every link on the way; return False where it doesn't exist."""
        named, real = "/", "/"
        parts = [part for part in path.split("/") if part not in ("", ".")]
        budget = MAX_LINKS
        while parts:
            part = parts.pop(0)
            if part == "..":
                named, real = os.path.dirname(named), os.path.dirname(real)
                continue
            named, real = os.path.join(named, part), os.path.join(real, part)
            try:
                mode = os.lstat(real).st_mode
            except OSError:
                return False
            if not stat.S_ISLNK(mode):
                continue
            budget -= 1
            if not budget:
                return False
            target = os.readlink(real)
            if os.path.dirname(named) == self.home and parts:
                real = os.path.realpath(real)
                continue
            if not self.covered(os.path.dirname(named)):
                self.links.setdefault(named, (target, reason))
            parts = [item for item in target.split("/") if item not in ("", ".")] + parts
            if target.startswith("/"):
                named = real = "/"
            else:
                named, real = os.path.dirname(named), os.path.dirname(real)
        return self._bind(named, real, reason)

    def _bind(self, named: str, real: str, reason: str) -> bool:
        try:
            mode = os.stat(real).st_mode
        except OSError:
            return False
        if named == "/":
            return False
        folder = stat.S_ISDIR(mode)
        if not folder and not stat.S_ISREG(mode):
            return False
        if not self.covered(named):
            self.binds[named] = (real, reason, folder)
            if folder:
                self._folders.add(named)
        return True

    def prune(self, hidden: list[str]) -> None:
        """Drop what a bound directory, or a mount of the user's at one of ``hidden``, shows or covers anyway."""
        for table in (self.links, self.binds):
            for path in list(table):
                if self.covered(os.path.dirname(path)) or any(is_below(path, top) for top in hidden):
                    del table[path]
