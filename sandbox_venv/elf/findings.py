"""What a resolution finds, gathered into a Closure that doesn't depend on the order of the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .paths import Resolved, is_below

MAX_NOTES = 5_000
"""Entries of ``missing`` and of ``refused``: a hostile venv can't make them grow without end."""
MAX_NEEDED_BY = 3
MAX_NOTE_TEXT = 4096
"""Characters of a path or name in a note."""

Abi = tuple[int, bool, str]
"""Class (32 or 64), little-endian or not, machine in elf.h's words."""


class Library(NamedTuple):
    """A library to expose.

    Attributes:
        path: as the loader opens it, e.g. ``/lib/x86_64-linux-gnu/libz.so.1``. Where it is reached by a link
            in a tree that is visible inside anyway, or by way of ``..``, the first path that isn't.
        real: where the file is; no link on the way.
        soname: DT_SONAME, or the file's name where there is none.
        needed_by: up to three files that ask for it, for people; ``--lib``; or ``SONAME (dlopen: reason)``.
        links: every link that leads to it (``libz.so.1`` where the file is ``libz.so.1.2.13``), each in its
            directory's real path, outside of the trees that are visible anyway.
    """

    path: str
    real: str
    soname: str
    needed_by: tuple[str, ...]
    links: tuple[str, ...]


class Closure(NamedTuple):
    """What has to be visible inside for programs to start, and what stands in the way.

    Attributes:
        libraries: by real path; none lies in a tree that is visible inside anyway, nor in ``directories``.
        interpreters: PT_INTERP paths, the links on the way, their real targets, outside of the visible trees.
        missing: (SONAME, who needs it): not on this machine, so the program can't work outside either.
        refused: (path, who needs it, reason): would lead outside the allowed directories, or is no library.
        scanned: number of ELF files looked at as programs or as files of a tree.
        directory_links: (link, target as readlink(2) gives it) of directories crossed, e.g. ``/lib``.
        directories: (real path, reason) of directories of modules that a library of the closure opens by name.
    """

    libraries: tuple[Library, ...] = ()
    interpreters: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    scanned: int = 0
    directory_links: tuple[tuple[str, str], ...] = ()
    directories: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Found:
    path: str
    soname: str
    needed_by: dict[str, None] = field(default_factory=dict)
    links: dict[str, None] = field(default_factory=dict)


class Findings:
    """Collects; ``visible`` are the real paths of trees that need no bind."""

    def __init__(self, visible: Iterable[str]) -> None:
        self._visible = tuple(f"{root}/" for root in visible)
        self._libraries: dict[str, _Found] = {}
        self._settled: set[tuple[str, str]] = set()
        self.interpreters: dict[str, None] = {}
        self._missing: dict[tuple[str, str], Abi] = {}
        self._refused: dict[tuple[str, str, str], None] = {}
        self._sonames: dict[Abi, set[str]] = {}
        self._directory_links: dict[tuple[str, str], None] = {}
        self._directories: dict[str, str] = {}
        self.scanned = 0

    def _is_visible(self, path: str) -> bool:
        return f"{path}/".startswith(self._visible)

    def add_library(self, path: str, resolved: Resolved, soname: str | None, asking: str) -> None:
        """Note a library and who asks for it; one in a visible tree needs no note."""
        real = resolved.real
        if (path, real) in self._settled:
            return
        names = [name for name in resolved.links if not self._is_visible(name)]
        self._directory_links.update(dict.fromkeys(resolved.directory_links))
        if self._is_visible(real):
            self._settled.add((path, real))
            return
        asked_as = path
        if self._is_visible(path) or path != os.path.normpath(path):
            path = names[0] if names else real
        found = self._libraries.setdefault(real, _Found(path, soname or os.path.basename(path)))
        found.links.update(dict.fromkeys(names))
        if len(found.needed_by) < MAX_NEEDED_BY:
            found.needed_by[asking] = None
        else:
            self._settled.add((asked_as, real))

    def add_interpreter(self, path: str, resolved: Resolved) -> None:
        """Note a program's loader under all its names; one in a visible tree needs no note."""
        for name in (path, *resolved.links, resolved.real):
            if not self._is_visible(name):
                self.interpreters[name] = None
        self._directory_links.update(dict.fromkeys(resolved.directory_links))

    def add_soname(self, soname: str | None, abi: Abi) -> None:
        """Note what some file of the sandbox is called: who needs it may find it loaded already."""
        if soname:
            self._sonames.setdefault(abi, set()).add(soname)

    def add_directory(self, real: str, why: str) -> bool:
        """Note a directory of modules; False if it is known or visible anyway."""
        if real in self._directories or self._is_visible(real):
            return False
        self._directories[real] = why
        return True

    def miss(self, name: str, asking: str, abi: Abi) -> None:
        """Note a name that was found nowhere."""
        if len(self._missing) < MAX_NOTES:
            self._missing.setdefault((name[:MAX_NOTE_TEXT], asking), abi)

    def refuse(self, path: str, asking: str, reason: str) -> None:
        """Note a path that isn't taken."""
        if len(self._refused) < MAX_NOTES:
            self._refused[(path[:MAX_NOTE_TEXT], asking, reason[: 2 * MAX_NOTE_TEXT])] = None

    def known(self) -> dict[str, str]:
        """Return SONAME -> real path of the libraries found so far."""
        return {found.soname: real for real, found in self._libraries.items()}

    def closure(self) -> Closure:
        """Return all of it, sorted."""
        missing = (
            (name, asking) for (name, asking), abi in self._missing.items() if name not in self._sonames.get(abi, ())
        )
        return Closure(
            libraries=tuple(
                Library(found.path, real, found.soname, tuple(found.needed_by), tuple(found.links))
                for real, found in sorted(self._libraries.items())
                if not is_below(real, self._directories)
            ),
            interpreters=tuple(self.interpreters),
            missing=tuple(sorted(missing)),
            refused=tuple(sorted(self._refused)),
            scanned=self.scanned,
            directory_links=tuple(sorted(self._directory_links)),
            directories=tuple(sorted(self._directories.items())),
        )
