"""Find a library by name in the places and in the order of ld.so(8).

glibc: elf/dl-load.c (_dl_map_object, open_path, fillin_rpath) and elf/dl-cache.c, 2.36.
musl: ldso/dynlink.c (load_library, fixup_rpath, path_open), 1.2.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from .files import Files
from .parse import DF_1_NODEFLIB, ElfFacts
from .paths import PathWalker, RefusedPathError, Resolved
from .system import LoaderWorld, auxiliary_platform

MAX_STEPS = 3_000_000
"""Names looked for and directories looked into, all in all; some microseconds each. 300 files of a venv take 30,000."""
MAX_SECONDS = 60.0
MAX_DIRECTORIES = 512
"""Directories of one RPATH or RUNPATH."""
NAME_MAX = 255
PATH_MAX = 4096

_TOKEN = re.compile(r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})")
_MUSL_TOKEN = re.compile(r"\$ORIGIN|\$\{ORIGIN\}")


class BudgetError(Exception):
    """The files ask for more lookups than any real set of files."""


class Directory(NamedTuple):
    """A directory to search; ``free`` if no sandbox session can have written its name."""

    path: str
    free: bool


class Candidate(NamedTuple):
    """A library that was found: as the loader would open it, where it really is, and what it says."""

    path: str
    resolved: Resolved
    facts: ElfFacts


class Outcome(NamedTuple):
    """The end of one search, and what was refused on the way: (path, reason)."""

    found: Candidate | None
    refused: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    """What decides a search beside the name: equal requests have equal outcomes."""

    before: tuple[Directory, ...]
    nodeflib: bool
    free: bool
    abi: tuple[int, bool, str]


class Budget:
    """Bounds the work that files ask for: lookups, needs, characters of paths, time."""

    def __init__(self, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS) -> None:
        self._steps = steps
        self._end = time.monotonic() + seconds

    def spend(self, steps: int) -> None:
        """Count work; raises BudgetError when it is too much."""
        before = self._steps
        self._steps -= steps
        if self._steps < 0 or (before >> 6 != self._steps >> 6 and time.monotonic() > self._end):
            raise BudgetError


class Searcher:
    """Searches for one loader's world; what it has seen of the disk it remembers."""

    def __init__(self, world: LoaderWorld, walker: PathWalker, files: Files, budget: Budget) -> None:
        self.world, self.budget = world, budget
        self._walker, self._files = walker, files
        self._outcomes: dict[tuple[str, Request], Outcome] = {}
        self._steps: dict[Directory, tuple[Directory, ...]] = {}

    def expand(self, text: str | None, origin: str, *, free: bool) -> tuple[Directory, ...]:
        """Turn an RPATH or RUNPATH into directories; what depends on the current directory is dropped.

        Raises BudgetError.
        """
        if not text or (self.world.musl and self.substitute(text, origin) is None):
            return ()
        found: dict[Directory, None] = {}
        for part in re.split("[:\n]" if self.world.musl else ":", text):
            path = self.substitute(part, origin)
            if path is not None and path.startswith("/") and len(path) < PATH_MAX:
                self.budget.spend(1 + len(path) // 64)
                found[Directory(path.rstrip("/") or "/", free)] = None
            if len(found) >= MAX_DIRECTORIES:
                break
        return tuple(found)

    def substitute(self, text: str, origin: str) -> str | None:
        """Replace $ORIGIN, $LIB and $PLATFORM; None where the loader would give up on the text."""
        if "$" not in text:
            return text
        if self.world.musl:
            text = _MUSL_TOKEN.sub(lambda _: origin, text)
            return None if "$" in text else text
        words = {"ORIGIN": origin, "LIB": self.world.lib, "PLATFORM": self.world.platform}
        return _TOKEN.sub(lambda match: words[match[1] or match[2]] or auxiliary_platform(), text)

    def find(self, name: str, request: Request) -> Outcome:
        """Search for a name without a slash. Raises BudgetError."""
        self.budget.spend(1)
        key = (name, request)
        outcome = self._outcomes.get(key)
        if outcome is None:
            outcome = self._outcomes[key] = self._find(name, request)
        return outcome

    def _find(self, name: str, request: Request) -> Outcome:
        refused: list[tuple[str, str]] = []
        if not name or len(name) > NAME_MAX or "\0" in name:
            return Outcome(None, ((name[:NAME_MAX], "impossible name"),))
        for directory in request.before:
            done, found = self._in_directory(directory, name, request, refused)
            if done:
                return Outcome(found, tuple(refused))
        system = self.world.directories
        path = self.world.cache.lookup(name, request.abi, self.world.levels)
        if path is not None and not (request.nodeflib and path.rpartition("/")[0] in system):
            done, found = self._open(Directory(path.rpartition("/")[0], True), path, request, refused)
            if done:
                return Outcome(found, tuple(refused))
        if not request.nodeflib or self.world.musl:
            for where in system:
                done, found = self._in_directory(Directory(where, True), name, request, refused)
                if done:
                    return Outcome(found, tuple(refused))
        return Outcome(None, tuple(refused))

    def _in_directory(
        self, directory: Directory, name: str, request: Request, refused: list[tuple[str, str]]
    ) -> tuple[bool, Candidate | None]:
        try:
            steps = self._with_hwcaps(directory)
        except RefusedPathError as error:
            refused.append((directory.path, _outside(error, directory.path)))
            return False, None
        for step in steps:
            done, found = self._open(step, f"{step.path}/{name}", request, refused)
            if done:
                return True, found
        return False, None

    def _with_hwcaps(self, directory: Directory) -> tuple[Directory, ...]:
        """Return the directory behind those of its glibc-hwcaps subdirectories that exist; () if it doesn't."""
        steps = self._steps.get(directory)
        if steps is None:
            found: list[Directory] = []
            if self._walker.directory(directory.path, free=directory.free) is not None:
                for level in self.world.levels:
                    path = f"{directory.path}/glibc-hwcaps/{level}"
                    if self._walker.directory(path, free=directory.free) is not None:
                        found.append(Directory(path, directory.free))
                found.append(directory)
            steps = self._steps[directory] = tuple(found)
        return steps

    def open_path(self, path: str, request: Request) -> Outcome:
        """Open a name with a slash in it, already substituted. Raises BudgetError."""
        refused: list[tuple[str, str]] = []
        if not path.startswith("/") or len(path) >= PATH_MAX:
            return Outcome(None, ((path[:PATH_MAX], "depends on the current directory"),))
        where = Directory(path.rpartition("/")[0] or "/", request.free)
        return Outcome(self._open(where, path, request, refused)[1], tuple(refused))

    def _open(
        self, directory: Directory, path: str, request: Request, refused: list[tuple[str, str]]
    ) -> tuple[bool, Candidate | None]:
        """Try one path. Returns whether the search ends here, and what was found."""
        self.budget.spend(1)
        try:
            resolved = self._walker.file(directory.path, path.rpartition("/")[2], free=directory.free)
        except RefusedPathError as error:
            refused.append((path, _outside(error, path)))
            return False, None
        if resolved is None:
            return False, None
        if not (request.free and directory.free) and not self._walker.is_allowed(resolved.real):
            refused.append((path, f"leads to {resolved.real}, outside the allowed directories"))
            return False, None
        facts = self._files.facts(resolved.real)
        if isinstance(facts, str):
            refused.append((path, facts))
            return True, None
        if facts.abi != request.abi:
            return self.world.musl, None
        return True, Candidate(path, resolved, facts)


def _outside(error: RefusedPathError, path: str) -> str:
    where = str(error)
    return "outside the allowed directories" if where == path else f"passes {where}, outside the allowed directories"


def nodeflib(facts: ElfFacts) -> bool:
    """Say whether the file must not find libraries in the default directories (-z nodefaultlib)."""
    return facts.flags_1 & DF_1_NODEFLIB != 0
