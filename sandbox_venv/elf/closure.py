"""The library closure: every file outside the venv that the programs and libraries of a sandbox load."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from .facts import FactsCache
from .files import Files, scan_tree
from .parse import ElfFacts
from .paths import PathWalker, RefusedPathError, is_below
from .program import Loaded, Program, ProgramLoader
from .search import BudgetError, Candidate, Request, Searcher
from .system import loader_world, system_library_directories

MAX_NOTES = 5_000
"""Entries of ``missing`` and of ``refused``: a hostile venv can't make them grow without end."""
MAX_NEEDED_BY = 3

Abi = tuple[int, bool, str]


@dataclass(frozen=True, slots=True)
class Library:
    """A library to expose.

    Attributes:
        path: as the loader opens it, e.g. ``/lib/x86_64-linux-gnu/libz.so.1``. Where it is reached by a link
            in a tree that is visible inside anyway, the first path outside of those trees.
        real: where the file is; no link on the way.
        soname: DT_SONAME, or the file's name where there is none.
        needed_by: up to three files that ask for it, for people.
        links: every link that leads to it (``libz.so.1`` where the file is ``libz.so.1.2.13``), each in its
            directory's real path, outside of the trees that are visible anyway.
    """

    path: str
    real: str
    soname: str
    needed_by: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closure:
    """What has to be visible inside for programs to start, and what stands in the way.

    Attributes:
        libraries: by real path; none lies in a tree that is visible inside anyway.
        interpreters: PT_INTERP paths, the links on the way, their real targets.
        missing: (SONAME, who needs it): not on this machine, so the program can't work outside either.
        refused: (path, who needs it, reason): would lead outside the allowed directories, or is no library.
        scanned: number of ELF files looked at as programs or as files of a tree.
        directory_links: (link, target as readlink(2) gives it) of directories crossed, e.g. ``/lib``.
    """

    libraries: tuple[Library, ...] = ()
    interpreters: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    scanned: int = 0
    directory_links: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Found:
    path: str
    soname: str
    needed_by: dict[str, None] = field(default_factory=dict)
    links: dict[str, None] = field(default_factory=dict)


def resolve_closure(
    roots: Iterable[str],
    trees: Iterable[str],
    *,
    inside: Iterable[str] = (),
    allowed: Iterable[str] | None = None,
    extra: Iterable[str] = (),
    facts: FactsCache | None = None,
    program: str | None = None,
) -> Closure:
    """Resolve all that the given files load, as ld.so(8) would; never runs a file, never raises for one.

    Args:
        roots: host executables and single ELF files, absolute; what is no ELF file among them is skipped.
        trees: directories scanned for ELF files (site-packages, lib-dynload).
        inside: directories that are visible inside anyway (the venv, the base prefix). Untrusted: what is
            found through a file in one, or in one of the trees, must really lie in *allowed*.
        allowed: directories where such a library may lie, or None: the system's library directories
            (ld.so.conf(5), the loaders' own) and *inside*.
        extra: SONAMEs to add, found as a program without RPATH would (reviewed dlopen data, ``--lib``).
        facts: facts that were read before, or None.
        program: the interpreter executable that opens the files of the trees: its RPATH and what it has
            loaded count for them, as in dlopen(3). None: the files are on their own.
    """
    return _Resolution(tuple(inside), tuple(trees), allowed, facts).run(tuple(roots), tuple(extra), program)


class _Resolution:
    """The state of one resolve_closure."""

    def __init__(
        self, inside: tuple[str, ...], trees: tuple[str, ...], allowed: Iterable[str] | None, facts: FactsCache | None
    ) -> None:
        self._inside, self._trees = inside, trees
        self._files = Files(facts)
        system = system_library_directories(()) if allowed is None else tuple(allowed)
        self._walker = PathWalker((*system, *inside, *trees), (*inside, *trees))
        self._visible = PathWalker(inside, ())
        self._loaders: dict[tuple[str | None, str], ProgramLoader] = {}
        self._default_interpreter: dict[Abi, str] = {}
        self._libraries: dict[str, _Found] = {}
        self._interpreters: dict[str, None] = {}
        self._missing: dict[tuple[str, str], Abi] = {}
        self._refused: dict[tuple[str, str, str], None] = {}
        self._sonames: dict[Abi, set[str]] = {}
        self._directory_links: dict[tuple[str, str], None] = {}
        self._scanned = 0

    def run(self, roots: tuple[str, ...], extra: tuple[str, ...], program: str | None) -> Closure:
        """Do the work; see resolve_closure."""
        mains = [main for main in map(self._candidate, roots) if main is not None]
        opener = self._candidate(program) if program else None
        for main in ([opener] if opener else []) + mains:
            self._note_interpreter(main)
        running: dict[Abi, Program] = {}
        try:
            if opener is not None:
                running[opener.facts.abi] = self._load(opener, None)
            for main in mains:
                self._load(main, None)
            for tree in self._trees:
                self._load_tree(tree, running)
            self._load_extra(extra, opener or (mains[0] if mains else None))
        except BudgetError:
            self._refuse("", "", "more lookups than any real venv asks for; the rest was not looked at")
        return self._closure()

    def _candidate(self, path: str) -> Candidate | None:
        """Return a root, or None when it isn't an ELF file."""
        try:
            resolved = self._walker.directory(os.path.dirname(path), free=True)
            found = self._walker.file(os.path.dirname(path), os.path.basename(path), free=True)
        except (RefusedPathError, ValueError) as error:
            self._refuse(path, path, str(error))
            return None
        if found is None or resolved is None:
            return None
        facts = self._files.facts(found.real)
        return None if isinstance(facts, str) else Candidate(path, found, facts)

    def _note_interpreter(self, main: Candidate) -> None:
        """Take PT_INTERP's file into the closure and remember it as the loader of this ABI."""
        name = main.facts.interpreter
        if name is None:
            return
        free = not self._walker.is_untrusted(main.resolved.real)
        if not name.startswith("/") or "\0" in name:
            self._refuse(name, main.path, "not an absolute path")
            return
        try:
            found = self._walker.file(os.path.dirname(name), os.path.basename(name), free=free)
        except RefusedPathError as error:
            self._refuse(name, main.path, f"passes {error}, outside the allowed directories")
            return
        if found is None:
            self._note_missing(name, main.path, main.facts.abi)
            return
        if not free and not self._walker.is_allowed(found.real):
            self._refuse(name, main.path, f"leads to {found.real}, outside the allowed directories")
            return
        facts = self._files.facts(found.real)
        if isinstance(facts, str) or facts.abi != main.facts.abi:
            self._refuse(name, main.path, facts if isinstance(facts, str) else "of another machine")
            return
        for path in (name, *found.links, found.real):
            self._interpreters[path] = None
        self._directory_links.update(dict.fromkeys(found.directory_links))
        self._default_interpreter.setdefault(main.facts.abi, name)

    def _loader(self, facts: ElfFacts) -> ProgramLoader:
        """Return the loader that the file's program has: its own PT_INTERP's, else the roots'."""
        interpreter = facts.interpreter or self._default_interpreter.get(facts.abi)
        if interpreter is not None and interpreter not in self._interpreters:
            interpreter = self._default_interpreter.get(facts.abi)
        key = (interpreter, facts.machine)
        if key not in self._loaders:
            searcher = Searcher(loader_world(interpreter, facts.machine), self._walker, self._files)
            self._loaders[key] = ProgramLoader(searcher, self._walker)
        return self._loaders[key]

    def _load(self, main: Candidate, running: Program | None, opener: Loaded | None = None) -> Program:
        """Load one file and note what that takes."""
        loader = self._loader(main.facts)
        executable = main.facts.interpreter is not None and running is None
        start = loader.place(main, opener, real_origin=executable)
        already = running or self._interpreter_alone(main.facts, loader)
        program = loader.load(start, already)
        self._scanned += 1
        for loaded in program.objects:
            if loaded.facts.soname:
                self._sonames.setdefault(loaded.facts.abi, set()).add(loaded.facts.soname)
            for _, asking in loaded.asked:
                self._note_library(loaded, asking)
        for name, asking in program.missing:
            self._note_missing(name, asking, main.facts.abi)
        for path, asking, reason in program.refused:
            self._refuse(path, asking, reason)
        return program

    def _interpreter_alone(self, facts: ElfFacts, loader: ProgramLoader) -> Program | None:
        """Return a program that has only its loader in memory: libraries ask for it by SONAME."""
        name = self._default_interpreter.get(facts.abi)
        if facts.interpreter in self._interpreters:
            name = facts.interpreter
        candidate = self._candidate(name) if name else None
        if candidate is None:
            return None
        program = Program()
        program.add(loader.place(candidate, None))
        return program

    def _load_tree(self, tree: str, running: dict[Abi, Program]) -> None:
        found = scan_tree(tree)
        for path, reason in found.refused:
            self._refuse(path, tree, reason)
        for path in found.files:
            main = self._candidate(path)
            if main is None:
                facts = self._files.facts(path)
                if isinstance(facts, str) and facts != "not an ELF file":
                    self._refuse(path, tree, facts)
                continue
            if main.facts.interpreter is not None:
                self._note_interpreter(main)
                self._load(main, None)
            else:
                program = running.get(main.facts.abi)
                self._load(main, program, program.objects[0] if program else None)

    def _load_extra(self, names: tuple[str, ...], main: Candidate | None) -> None:
        """Add libraries by name, as a program without RPATH would find them."""
        if main is None:
            return
        loader = self._loader(main.facts)
        for name in names:
            outcome = loader.find(name, Request((), False, True, main.facts.abi))
            if outcome.found is None:
                self._note_missing(name, "--lib", main.facts.abi)
                continue
            program = self._load(outcome.found, None)
            self._note_library(program.objects[0], "--lib")

    def _note_library(self, loaded: Loaded, asking: str) -> None:
        real = loaded.resolved.real
        names = [name for name in loaded.resolved.links if not is_below(name, self._visible.allowed)]
        self._directory_links.update(dict.fromkeys(loaded.resolved.directory_links))
        if is_below(real, self._visible.allowed):
            return
        path = loaded.path
        if is_below(path, self._visible.allowed):
            path = names[0] if names else real
        found = self._libraries.setdefault(real, _Found(path, loaded.facts.soname or os.path.basename(path)))
        found.links.update(dict.fromkeys(names))
        if len(found.needed_by) < MAX_NEEDED_BY:
            found.needed_by[asking] = None

    def _note_missing(self, name: str, asking: str, abi: Abi) -> None:
        if len(self._missing) < MAX_NOTES:
            self._missing.setdefault((name, asking), abi)

    def _refuse(self, path: str, asking: str, reason: str) -> None:
        if len(self._refused) < MAX_NOTES:
            self._refused[(path, asking, reason)] = None

    def _closure(self) -> Closure:
        """Return what was noted, in an order that doesn't depend on the disk's."""
        missing = [
            (name, asking)
            for (name, asking), abi in self._missing.items()
            if name not in self._sonames.get(abi, ())
        ]
        libraries = [
            Library(found.path, real, found.soname, tuple(found.needed_by), tuple(found.links))
            for real, found in sorted(self._libraries.items())
        ]
        return Closure(
            libraries=tuple(libraries),
            interpreters=tuple(self._interpreters),
            missing=tuple(sorted(missing)),
            refused=tuple(sorted(self._refused)),
            scanned=self._scanned,
            directory_links=tuple(sorted(self._directory_links)),
        )
