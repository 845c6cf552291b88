"""The read-only part of a sandbox: host programs, the base interpreter, libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..elf import Closure, FactsCache, resolve_closure
from ..policy import Policy
from .expose import Exposure, is_below
from .subject import Base, Subject
from .tools import Needs, add_tool


@dataclass(slots=True)
class System:
    """What was made visible, and the libraries behind it."""

    exposure: Exposure
    closure: Closure


def show_policy(exposure: Exposure, policy: Policy, kind: str) -> tuple[list[str], list[str]]:
    """Show what the policy names; return the programs and the directories whose libraries are needed."""
    programs, scans = [], []
    for show in policy.show:
        if show.session not in ("any", kind):
            continue
        programs += [path for path in show.programs if exposure.expose(path, show.reason)]
        for path in show.paths:
            exposure.expose(path, show.reason)
        scans += [path for path in show.scan if os.path.isdir(path)]
    return programs, scans


def show_base(exposure: Exposure, base: Base, *, system_site: bool) -> None:
    """Show the base interpreter: whole where it has a prefix of its own, else Python's own part of ``/usr``."""
    reason = "the base interpreter"
    if not base.is_system:
        exposure.expose(base.prefix, reason)
        exposure.expose(base.executable, reason)
    else:
        version = f"{base.version[0]}.{base.version[1]}"
        root = base.prefix.rstrip("/") or "/usr"
        exposure.expose(base.executable, reason)
        for name in ("python", "python3", f"python{version}"):
            path = f"{root}/bin/{name}"
            if os.path.realpath(path) == base.executable:
                exposure.expose(path, reason)
        exposure.expose(base.stdlib, reason)
        exposure.expose(base.dynload, reason)
        exposure.expose(f"{base.stdlib}/sitecustomize.py", reason)  # Debian's is a link into /etc
        for path in (f"{root}/include/python{version}", f"{root}/lib64/python{version}", f"{root}/lib/python{version}"):
            exposure.expose(path, reason)
        if system_site:
            for path in ("/usr/lib/python3", f"/usr/local/lib/python{version}", "/usr/local/lib/python3"):
                exposure.expose(path, "packages of the system (the venv includes them)")
    for path in base.names:
        if os.path.realpath(path) == base.executable:  # only links to it: never what a changed link points at
            exposure.expose(path, reason)


def unfound_libraries(base: Base, closure: Closure) -> str:
    """Return the prefix's own directory of what the interpreter needs and no loader finds unasked, else "".

    That is a build with a shared libpython and no RUNPATH, in a session whose LD_LIBRARY_PATH names the directory.
    """
    missing = [] if base.is_system else [name for name, asking in closure.missing if asking == base.executable]
    folders = [f"{base.prefix}/{name}" for name in ("lib", "lib64")] if missing else []
    return next((path for path in folders if all(os.path.exists(f"{path}/{name}") for name in missing)), "")


def show_libraries(exposure: Exposure, closure: Closure) -> None:
    """Show each library and dynamic loader under the names that programs load it by."""
    for path in closure.interpreters:
        exposure.expose(path, "the dynamic loader")
    for library in closure.libraries:
        reason = f"library of {library.needed_by[0]}" if library.needed_by else "library loaded by name (dlopen)"
        exposure.expose(library.path, reason)
        for link in library.links:
            exposure.expose(link, reason)
    for path, reason in closure.directories:
        exposure.expose(path, reason)


def compile_system(
    subject: Subject, policy: Policy, kind: str, libs: Sequence[str], facts: FactsCache | None,
    tools: Sequence[str] = (),
) -> System:  # fmt: skip
    """Work out the read-only part.

    Args:
        subject: what is sandboxed.
        policy: the default policy.
        kind: ``run`` or ``install``.
        libs: SONAMEs that the user names (``--lib``).
        facts: the cache of facts about ELF files.
        tools: host programs that the user names.
    """
    exposure = Exposure(home=subject.home)
    programs, scans = show_policy(exposure, policy, kind)
    show_base(exposure, subject.base, system_site=subject.system_site)
    needs = Needs()
    for path in dict.fromkeys(tools):
        add_tool(exposure, needs, path, subject)
    for base, system_site in needs.bases:
        show_base(exposure, base, system_site=system_site)
    inside = [subject.venv] if subject.venv else []
    inside += needs.inside
    trees = [*subject.site, *scans, *needs.trees]
    if subject.base.is_system:
        trees.append(subject.base.dynload)
    else:
        inside.append(subject.base.prefix)
        trees.append(os.path.join(subject.base.prefix, "lib"))
    if subject.venv and os.path.isdir(bin_folder := subject.originals or subject.bin):
        trees.append(bin_folder)
    roots = [*programs, *needs.roots, subject.base.executable]
    program = subject.base.executable
    closure = resolve_closure(roots, trees, inside=inside, extra=libs, facts=facts, program=program)
    show_libraries(exposure, closure)
    return System(exposure, closure)


def lines_of(exposure: Exposure, wanted: Sequence[str], unwanted: Sequence[str]) -> list[tuple[tuple[str, ...], str]]:
    """Return bubblewrap options with reasons, links first, for what lies below ``wanted`` but not ``unwanted``."""

    def chosen(path: str) -> bool:
        return any(is_below(path, top) for top in wanted) and not any(is_below(path, top) for top in unwanted)

    lines: list[tuple[tuple[str, ...], str]] = []
    for path, (target, reason) in sorted(exposure.links.items()):
        if chosen(path):
            lines.append((("--symlink", target, path), reason))
    for path, (source, reason, _) in sorted(exposure.binds.items()):
        if chosen(path):
            lines.append((("--ro-bind-try", source, path), reason))
    return lines
