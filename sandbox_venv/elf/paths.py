"""Follow a path as the kernel does, noting each link, and never through what an attacker wrote to outside.

A text is *free* when it comes from a file that no sandbox session can write (a system library's RPATH, a
link in /usr/lib). A text from the venv is not: its path, and the targets of links below it, are followed
within the allowed roots only. Nothing else is even looked at, since a mere lookup can have effects
(autofs mounts what is looked up).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import NamedTuple

MAX_LINKS = 40
"""As path_resolution(7)."""


class RefusedPathError(Exception):
    """The path leads outside the allowed roots; the text is the first path that does."""


class Resolved(NamedTuple):
    """Where a path ends. ``links`` are the links that name the file, each in a directory free of links."""

    real: str
    links: tuple[str, ...]
    directory_links: tuple[tuple[str, str], ...]


def is_below(path: str, roots: Iterable[str]) -> bool:
    """Say whether *path* is one of *roots* or lies below one (both absolute and normalised)."""
    return f"{path}/".startswith(tuple([f"{root}/" for root in roots]))


class PathWalker:
    """Resolves paths for one closure; what it has seen of the disk it remembers.

    Args:
        allowed: where untrusted texts may lead; absolute.
        untrusted: directories whose links an attacker may have written.
    """

    def __init__(self, allowed: Iterable[str], untrusted: Iterable[str]) -> None:
        self.allowed = _with_real(allowed)
        self._allowed = tuple(f"{root}/" for root in self.allowed)
        self._untrusted = tuple(f"{root}/" for root in _with_real(untrusted))
        self._ancestors = {parent for root in self.allowed for parent in _parents(root)}
        self._directories: dict[tuple[str, bool], Resolved | RefusedPathError | None] = {}

    def allow(self, roots: Iterable[str]) -> None:
        """Allow more: where a loader that was found to be the system's looks for libraries by itself."""
        fresh = [root for root in _with_real(roots) if not is_below(root, self.allowed)]
        if fresh:
            self.allowed += tuple(fresh)
            self._allowed += tuple(f"{root}/" for root in fresh)
            self._ancestors.update(parent for root in fresh for parent in _parents(root))
            self._directories.clear()

    def is_allowed(self, real: str) -> bool:
        """Say whether a resolved path lies in an allowed root."""
        return f"{real}/".startswith(self._allowed)

    def is_untrusted(self, real: str) -> bool:
        """Say whether a sandbox session may have written what lies at *real*."""
        return f"{real}/".startswith(self._untrusted)

    def directory(self, path: str, *, free: bool) -> Resolved | None:
        """Resolve a directory; None when there is none. Raises RefusedPathError."""
        key = (path, free)
        if key not in self._directories:
            try:
                found = self._directory(path, free=free)
                if found is not None and not os.path.isdir(found.real):
                    found = None
                self._directories[key] = found
            except RefusedPathError as error:
                self._directories[key] = error
        known = self._directories[key]
        if isinstance(known, RefusedPathError):
            raise known
        return known

    def _directory(self, path: str, *, free: bool) -> Resolved | None:
        """Resolve a directory by way of its parent, which most often is known already."""
        above, _, name = path.rpartition("/")
        if not above or name in ("", ".", "..") or path.count("/") > MAX_LINKS:
            return self._walk(path + "/.", free=free)
        parent = self.directory(above, free=free)
        if parent is None:
            return None
        here = f"{parent.real}/{name}" if parent.real != "/" else "/" + name
        if not free and not self._touchable(here):
            raise RefusedPathError(here)
        try:
            os.readlink(here)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) != errno.EINVAL:
                return None
            return Resolved(here, (), parent.directory_links)
        found = self._walk(here + "/.", free=True)
        if found is None:
            return None
        return Resolved(found.real, (), parent.directory_links + found.directory_links)

    def file(self, directory: str, name: str, *, free: bool) -> Resolved | None:
        """Resolve *name* (no slash in it) in *directory*; None when there is none. Raises RefusedPathError.

        *free* is about the text of *directory*; a link found there is judged by where it lies.
        """
        parent = self.directory(directory, free=free)
        if parent is None:
            return None
        path = f"{parent.real}/{name}" if parent.real != "/" else "/" + name
        if not free and not self._touchable(path):
            raise RefusedPathError(path)
        try:
            os.readlink(path)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) != errno.EINVAL:
                return None
            return Resolved(path, (), parent.directory_links)
        found = self._walk(path, free=True)
        if found is None:
            return None
        return Resolved(found.real, found.links, parent.directory_links + found.directory_links)

    def _touchable(self, path: str) -> bool:
        return path in self._ancestors or f"{path}/".startswith(self._allowed)

    def _walk(self, path: str, *, free: bool) -> Resolved | None:
        """Resolve an absolute path, component by component."""
        current = ""
        pending = [(part, free) for part in reversed(path.split("/"))]
        links: list[str] = []
        directory_links: list[tuple[str, str]] = []
        all_free = free
        while pending:
            part, is_free = pending.pop()
            all_free = all_free and is_free
            if part in ("", "."):
                continue
            if part == "..":
                current = current.rpartition("/")[0]
                continue
            here = f"{current}/{part}"
            if not is_free and not self._touchable(here):
                raise RefusedPathError(here)
            try:
                target = os.readlink(here)
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) != errno.EINVAL:
                    return None
                current = here
                continue
            if len(links) + len(directory_links) >= MAX_LINKS:
                return None
            if pending:
                directory_links.append((here, target))
            else:
                links.append(here)
            target_free = not self.is_untrusted(current or "/")
            if target.startswith("/"):
                current = ""
            pending += [(step, target_free) for step in reversed(target.split("/"))]
        if not current and not all_free:
            raise RefusedPathError("/")
        return Resolved(current or "/", tuple(links), tuple(directory_links))


def _with_real(roots: Iterable[str]) -> tuple[str, ...]:
    """Return the roots and what they resolve to, normalised; ``/`` and relative paths are dropped."""
    found: dict[str, None] = {}
    for root in roots:
        if not root.startswith("/") or "\0" in root:
            continue
        for form in (os.path.normpath(root), os.path.realpath(root)):
            if form.strip("/"):
                found["/" + form.strip("/")] = None
    return tuple(found)


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]
