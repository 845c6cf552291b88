"""One resolution of a closure: programs, trees, names, in turn, until nothing new turns up."""

from __future__ import annotations

import os
import re
import sys

from .dlopen import Dlopened
from .facts import FactsCache
from .files import Files, scan_tree
from .findings import Abi, Closure, Findings
from .parse import NOT_ELF, ElfFacts
from .paths import PathWalker, RefusedPathError
from .program import Loaded, Program, ProgramLoader
from .search import Budget, BudgetError, Candidate, Outcome, Request, Searcher
from .system import built_in_directories, loader_world, system_library_directories

CHUNK = 4096
"""Files read at once; between chunks the time is looked at."""
_LOADER_NAME = re.compile(r"ld[\w.-]*\.so[.\d]*|libc\.so")
"""What loaders are called, musl's too. A venv's program may name any file of the system as its loader."""


class Resolution:
    """The state of one resolve_closure; see there for the arguments."""

    def __init__(
        self,
        inside: tuple[str, ...],
        trees: tuple[str, ...],
        allowed: tuple[str, ...] | None,
        facts: FactsCache | None,
    ) -> None:
        self._trees = trees
        self._files = Files(facts)
        if allowed is None:
            allowed = (*system_library_directories(), *inside)
        self.walker = PathWalker((*allowed, *trees), (*inside, *trees))
        self.findings = Findings(PathWalker((*inside, *trees), ()).allowed)
        self._loaders: dict[tuple[str | None, str], ProgramLoader] = {}
        self._interpreters: dict[Abi, str] = {}
        self._loader_names: set[str] = set()
        self._budget = Budget()
        self._bare: dict[str, Program] = {}

    def run(
        self, roots: tuple[str, ...], extra: tuple[str, ...], program: str | None, dlopened: tuple[Dlopened, ...]
    ) -> Closure:
        """Do the work; see resolve_closure."""
        opener = self.candidate(program) if program else None
        mains = [main for main in map(self.candidate, roots) if main is not None]
        for main in [opener, *mains] if opener else mains:
            self.note_interpreter(main)
        running: dict[Abi, Program] = {}
        try:
            if opener is not None:
                running[opener.facts.abi] = self.load(opener)
            for main in mains:
                self.load(main)
            for tree in self._trees:
                self._load_tree(tree, running)
            reference = opener or next(iter(mains), None) or self.candidate(sys.executable)
            if reference is not None:
                self._load_extra(extra, reference)
                self._load_dlopened(dlopened, reference)
        except BudgetError:
            self.findings.refuse("", "", "more lookups than any real venv asks for; the rest was not looked at")
        return self.findings.closure()

    def candidate(self, path: str) -> Candidate | None:
        """Return a root or a file of a tree, or None when it isn't an ELF file that can be read."""
        try:
            found = self.walker.file(os.path.dirname(path), os.path.basename(path), free=True)
        except (RefusedPathError, ValueError) as error:
            self.findings.refuse(path, path, f"passes {error}, outside the allowed directories")
            return None
        if found is None:
            return None
        facts = self._files.facts(found.real)
        if isinstance(facts, str):
            if facts != NOT_ELF:
                self.findings.refuse(path, path, facts)
            return None
        return Candidate(path, found, facts)

    def note_interpreter(self, main: Candidate) -> None:
        """Take PT_INTERP's file into the closure; the first one of an ABI loads what names none itself."""
        name = main.facts.interpreter
        if name is None or name in self.findings.interpreters:
            return
        free = not self.walker.is_untrusted(main.resolved.real)
        if not name.startswith("/"):
            self.findings.refuse(name, main.path, "not an absolute path")
            return
        try:
            found = self.walker.file(os.path.dirname(name), os.path.basename(name), free=free)
        except RefusedPathError as error:
            self.findings.refuse(name, main.path, f"passes {error}, outside the allowed directories")
            return
        if found is None:
            self.findings.miss(name, main.path, main.facts.abi)
            return
        if not free and not self.walker.is_allowed(found.real):
            self.findings.refuse(name, main.path, f"leads to {found.real}, outside the allowed directories")
            return
        facts = self._files.facts(found.real)
        if isinstance(facts, str) or facts.abi != main.facts.abi:
            self.findings.refuse(name, main.path, facts if isinstance(facts, str) else "of another machine")
            return
        self.findings.add_interpreter(name, found)
        if self.walker.is_untrusted(found.real):
            return
        if free:
            self.walker.allow(built_in_directories(found.real))
        if free or _LOADER_NAME.fullmatch(os.path.basename(found.real)):
            self._loader_names.add(name)
            self._interpreters.setdefault(main.facts.abi, name)

    def _interpreter_of(self, facts: ElfFacts) -> str | None:
        """Return the path of the loader that a file's program has: its own PT_INTERP, else the roots'."""
        own = facts.interpreter
        return own if own in self._loader_names else self._interpreters.get(facts.abi)

    def loader_of(self, facts: ElfFacts) -> ProgramLoader:
        """Return what loads the program of a file."""
        interpreter = self._interpreter_of(facts)
        key = (interpreter, facts.machine)
        if key not in self._loaders:
            searcher = Searcher(loader_world(interpreter, facts.machine), self.walker, self._files, self._budget)
            self._loaders[key] = ProgramLoader(searcher, self.walker)
        return self._loaders[key]

    def load(self, main: Candidate, running: Program | None = None) -> Program:
        """Load one file and note what that takes.

        Args:
            main: a program, or a library that a running program opens.
            running: that program; its first object's RPATH counts, since it calls dlopen(3).
        """
        loader = self.loader_of(main.facts)
        opener = running.objects[0] if running else None
        executable = main.facts.interpreter is not None and running is None
        start = loader.place(main, opener, real_origin=executable)
        program = loader.load(start, running or self._bare_program(main.facts, loader))
        self.findings.scanned += 1
        for loaded in program.objects:
            self.findings.add_soname(loaded.facts.soname, loaded.facts.abi)
            for _, asking in loaded.asked:
                self._add_library(loaded, asking)
        for name, asking in program.missing:
            self.findings.miss(name, asking, main.facts.abi)
        for path, asking, reason in program.refused:
            self.findings.refuse(path, asking, reason)
        return program

    def _add_library(self, loaded: Loaded, asking: str) -> None:
        self.findings.add_library(loaded.path, loaded.resolved, loaded.facts.soname, asking)

    def _bare_program(self, facts: ElfFacts, loader: ProgramLoader) -> Program | None:
        """Return a program that has only its loader in memory: libraries ask for it by its SONAME."""
        name = self._interpreter_of(facts)
        if name is None:
            return None
        if name not in self._bare:
            candidate = self.candidate(name)
            program = self._bare[name] = Program()
            if candidate is not None:
                program.add(loader.place(candidate, None))
        return self._bare[name]

    def _load_tree(self, tree: str, running: dict[Abi, Program]) -> None:
        """Load each ELF file of a directory tree, as a program or as what the running program opens."""
        found = scan_tree(tree)
        for path, reason in found.refused:
            self.findings.refuse(path, tree, reason)
        for start in range(0, len(found.files), CHUNK):
            self._budget.spend(1)
            self._files.prefetch(found.files[start : start + CHUNK])
        for path in found.files:
            self._budget.spend(1)
            main = self.candidate(path)
            if main is None:
                continue
            if main.facts.interpreter is not None:
                self.note_interpreter(main)
                self.load(main)
            else:
                self.load(main, running.get(main.facts.abi))

    def _by_name(self, name: str, reference: Candidate) -> Outcome:
        """Find a trusted name as a program without RPATH would."""
        request = Request((), nodeflib=False, free=True, abi=reference.facts.abi)
        searcher = self.loader_of(reference.facts).searcher
        return searcher.open_path(name, request) if "/" in name else searcher.find(name, request)

    def _load_extra(self, names: tuple[str, ...], reference: Candidate) -> None:
        """Add the user's libraries."""
        for name in names:
            outcome = self._by_name(name, reference)
            for path, reason in outcome.refused:
                self.findings.refuse(path, "--lib", reason)
            if outcome.found is None:
                self.findings.miss(name, "--lib", reference.facts.abi)
            else:
                self._add_library(self.load(outcome.found).objects[0], "--lib")

    def _load_dlopened(self, dlopened: tuple[Dlopened, ...], reference: Candidate) -> None:
        """Add what the libraries found so far open by name, and what that needs, until nothing is new."""
        pending = list(dlopened)
        while pending:
            known = self.findings.known()
            due = [entry for entry in pending if any(name in known for name in entry.by)]
            pending = [entry for entry in pending if entry not in due]
            if not due:
                return
            for entry in due:
                if entry.directory:
                    self._add_modules(entry, [known[name] for name in entry.by if name in known])
                    continue
                outcome = self._by_name(entry.name, reference)
                if outcome.found is not None:
                    opener = next(name for name in entry.by if name in known)
                    self._add_library(self.load(outcome.found).objects[0], f"{opener} (dlopen: {entry.why})")

    def _add_modules(self, entry: Dlopened, beside: list[str]) -> None:
        """Add a directory of modules beside a library (or, where /usr isn't merged, its twin in /usr)."""
        for library in beside:
            where = os.path.dirname(library)
            for parent in (where, "/usr" + where):
                found = self.walker.directory(f"{parent}/{entry.name}", free=True)
                if found is None or not self.findings.add_directory(found.real, entry.why):
                    continue
                for path in () if entry.closed else scan_tree(found.real).files:
                    main = self.candidate(path)
                    if main is not None:
                        self.load(main)
