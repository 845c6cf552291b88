"""Load a program as the dynamic loader would: breadth first, each library once, by name, SONAME or inode."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .parse import ElfFacts
from .paths import PathWalker, Resolved
from .search import Candidate, Directory, Request, Searcher, nodeflib

KERNEL_LIBRARIES = frozenset(("linux-vdso.so.1", "linux-gate.so.1", "linux-vdso32.so.1", "linux-vdso64.so.1"))
_MUSL_OWN = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")
"""Names that musl's loader answers itself (ldso/dynlink.c, load_library)."""


OBJECT_STEPS = 10
"""What one file of one program counts against the budget, beside its needs."""
_Places = tuple[bool, tuple[Directory, ...], tuple[Directory, ...]]
"""Whether a file is free of attackers, its RUNPATH, its RPATH and those that it inherits."""


@dataclass(slots=True, eq=False)
class Loaded:
    """One file of a program. ``loader`` is what first asked for it: its RPATH counts for this one's needs."""

    path: str
    resolved: Resolved
    facts: ElfFacts
    loader: Loaded | None
    free: bool = False
    runpath: tuple[Directory, ...] = ()
    inherited: tuple[Directory, ...] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Program:
    """What loading a file brings in; ``objects`` starts with the file itself."""

    objects: list[Loaded] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    by_name: dict[str, Loaded] = field(default_factory=dict)
    by_real: dict[str, Loaded] = field(default_factory=dict)

    def add(self, loaded: Loaded, name: str | None = None) -> None:
        """Note a file under its names: as asked for, as opened and, for glibc and a search, its SONAME."""
        self.objects.append(loaded)
        self.by_real.setdefault(loaded.resolved.real, loaded)
        for known in (name, loaded.path, loaded.facts.soname):
            if known:
                self.by_name.setdefault(known, loaded)


class ProgramLoader:
    """Loads programs that share one loader's world."""

    def __init__(self, searcher: Searcher, walker: PathWalker) -> None:
        self.searcher, self._walker = searcher, walker
        self._musl = searcher.world.musl
        self._places: dict[tuple[object, ...], _Places] = {}

    def place(self, candidate: Candidate, loader: Loaded | None, *, real_origin: bool = False) -> Loaded:
        """Make a file part of a program: work out the directories that its needs are searched in."""
        facts, real = candidate.facts, candidate.resolved.real
        loaded = Loaded(candidate.path, candidate.resolved, facts, loader)
        above = loader.inherited if loader else ()
        key = (candidate.path, real, above, real_origin)
        known = self._places.get(key)
        if known is None:
            known = self._places[key] = self._places_of(candidate, above, real_origin=real_origin)
        loaded.free, loaded.runpath, loaded.inherited = known
        return loaded

    def _places_of(self, candidate: Candidate, above: tuple[Directory, ...], *, real_origin: bool) -> _Places:
        facts, real = candidate.facts, candidate.resolved.real
        free = not self._walker.is_untrusted(real) and not self._walker.is_untrusted(candidate.path)
        origin = (real if real_origin else candidate.path).rpartition("/")[0] or "/"
        rpath = self.searcher.expand(facts.rpath, origin, free=free)
        runpath = self.searcher.expand(facts.runpath, origin, free=free)
        if self._musl:
            rpath, runpath = runpath or rpath, ()
        return free, runpath, tuple(dict.fromkeys(rpath + above))

    def load(self, main: Loaded, already: Program | None = None) -> Program:
        """Load all that *main* needs. Raises BudgetError.

        Args:
            main: the program, or a library that a running program opens.
            already: the running program: what it has loaded is found by name and not loaded again.
        """
        program = Program()
        if already is not None:
            program.by_name.update(already.by_name)
            program.by_real.update(already.by_real)
        program.add(main)
        queue = deque((main,))
        while queue:
            asking = queue.popleft()
            wanted = asking.facts.needed + asking.facts.auxiliary
            self.searcher.budget.spend(OBJECT_STEPS + len(wanted))
            for name in wanted:
                if name in program.by_name:
                    continue
                optional = name not in asking.facts.needed
                fresh = self._need(program, asking, name, optional=optional)
                if fresh is not None:
                    queue.append(fresh)
        return program

    def _need(self, program: Program, asking: Loaded, name: str, *, optional: bool) -> Loaded | None:
        """Satisfy one DT_NEEDED (or DT_AUXILIARY); return the file if it is new to the program."""
        if name in KERNEL_LIBRARIES or (self._musl and name.startswith(_MUSL_OWN)):
            return None
        origin = asking.path.rpartition("/")[0] or "/"
        text = self.searcher.substitute(name, origin) if not self._musl else name
        if not text:
            return None
        known = program.by_name.get(text)
        if known is not None:
            return None
        request = self.request(asking)
        outcome = self.searcher.open_path(text, request) if "/" in text else self.searcher.find(text, request)
        program.refused += [(path, asking.path, reason) for path, reason in outcome.refused]
        found = outcome.found
        if found is None:
            if not optional:
                program.missing.append((text, asking.path))
            return None
        same = program.by_real.get(found.resolved.real)
        if same is not None:
            program.by_name.setdefault(text, same)
            return None
        fresh = self.place(found, asking)
        program.add(fresh, text)
        fresh.asked.append((text, asking.path))
        return fresh

    def request(self, asking: Loaded) -> Request:
        """Return where *asking*'s needs are searched before the system's places (ld.so(8))."""
        before = asking.inherited if self._musl or asking.facts.runpath is None else asking.runpath
        return Request(before, nodeflib(asking.facts), asking.free, asking.facts.abi)
