"""The library closure: every file outside the venv that the programs and libraries of a sandbox load."""

from __future__ import annotations

from collections.abc import Iterable

from .dlopen import Dlopened, reviewed_dlopen
from .facts import FactsCache
from .findings import Closure, Library
from .resolution import Resolution

__all__ = ["Closure", "Library", "resolve_closure"]


def resolve_closure(
    roots: Iterable[str],
    trees: Iterable[str],
    *,
    inside: Iterable[str] = (),
    allowed: Iterable[str] | None = None,
    extra: Iterable[str] = (),
    facts: FactsCache | None = None,
    program: str | None = None,
    dlopened: Iterable[Dlopened] | None = None,
) -> Closure:
    """Resolve all that the given files load, as ld.so(8) would; never runs a file, never raises for one.

    Args:
        roots: host executables and single ELF files, absolute; what is no ELF file among them is skipped.
        trees: directories scanned for ELF files (site-packages, lib-dynload). Like *inside*.
        inside: directories that are visible inside anyway (the venv, the base prefix). Untrusted: what is
            found through a file in one, or in one of the trees, must really lie in *allowed*. Nothing in
            *inside* or *trees* is reported as a library to expose.
        allowed: directories where such a library may lie, or None: the system's library directories
            (ld.so.conf(5), the loaders' own) and *inside*.
        extra: SONAMEs (or absolute paths) that the user adds by ``--lib``: found as a program without an
            RPATH would find them, and trusted.
        facts: facts that were read before, or None.
        program: the interpreter executable that opens the files of the trees: its RPATH and what it has
            loaded count for them, as in dlopen(3). None: each of the files is on its own.
        dlopened: what libraries of the closure open by name; None: the reviewed data of ``dlopen.toml``.
    """
    reviewed = reviewed_dlopen() if dlopened is None else tuple(dlopened)
    resolution = Resolution(tuple(inside), tuple(trees), None if allowed is None else tuple(allowed), facts)
    return resolution.run(tuple(roots), tuple(extra), program, reviewed)
