"""Compile a plan: everything that is decided before a program starts, decided once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .. import __version__
from ..elf import FactsCache
from ..launch.planfile import SECTIONS, Plan, stamp
from ..policy import Policy
from ..seccomp import Program
from .alias import find_links
from .basics import Line, Request, environment_rules, set_up_lines
from .expose import is_below
from .gitconfig import named_files
from .layout import Layout, add_home, add_pins, add_venv, session_subject
from .options import Operation, cut_options
from .portal import portal_meta
from .protected import CLOSED, find_nested, linked_files, outermost
from .subject import Subject
from .system import System, compile_system, lines_of, unfound_libraries
from .users import add_operation, check_trust, mount_point, settle, split_covering, writable_root


@dataclass(slots=True)
class Compiled:
    """A plan with what people want to know about it.

    Attributes:
        plan: what is stored.
        base, slots, tail: (words, reason) of each line, in order.
        system: the read-only part, with the library closure.
        seccomp: the compiled programs.
        notes: what deserves a line on a terminal.
        protected: paths below the project's top that are to be remembered.
    """

    plan: Plan
    base: list[Line]
    slots: list[Line]
    tail: list[Line]
    system: System
    seccomp: Program
    notes: list[str] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)


def _prune_covered(lines: list[Line], targets: Sequence[str]) -> list[Line]:
    """Drop lines whose mount point one of the user's own mounts covers."""
    return [line for line in lines if not any(is_below(line[0][-1], top) for top in targets)]


def _covered_targets(operations: Sequence[Operation]) -> list[str]:
    mounting = (
        "--bind",
        "--ro-bind",
        "--dev-bind",
        "--tmpfs",
        "--overlay",
        "--tmp-overlay",
        "--bind-fd",
        "--ro-bind-fd",
    )
    return [operation.target for operation in operations if operation.words[0] in mounting]


def lay_out(
    subject: Subject, request: Request, policy: Policy, system: System
) -> tuple[Layout, list[Line], list[Operation]]:
    """Return the slots, the lines of the read-only part and the user's options that go below everything."""
    exposure = system.exposure
    operations = request.user.operations
    own = [path for path in (subject.home, subject.project, subject.venv, "/proc", "/dev", "/tmp") if path]  # noqa: S108
    covering, rest = split_covering(operations, own)
    bottom = [operation for operation in covering if operation.target == "/"]
    covering = [operation for operation in covering if operation.target != "/"]
    exposure.prune([target for target in _covered_targets(operations) if target not in own])
    roots = [path for path in (subject.project, subject.private_home, subject.private_cache, subject.venv) if path]
    layout = Layout()
    replaced = {operation.target for operation in covering}
    home = subject.home
    aliases = {} if bottom else find_links(subject, exposure, [operation.target for operation in operations])
    in_home = [operation for operation in covering if operation.target != home and is_below(operation.target, home)]
    for operation in covering:
        if operation not in in_home:
            add_operation(layout, operation, roots, request.cwd, "your option")
    after = [home, subject.project, *([subject.venv] if subject.venv else [])]
    below = [(path, True) for path in after[1:]]
    below += [(path, item[2]) for path, item in exposure.binds.items()]
    below += [(path, False) for path in (*exposure.links, *aliases)]
    below = [
        (path, folder)
        for path, folder in below
        if path != home and is_below(path, home) and (path == subject.project or not is_below(path, subject.project))
    ]
    targets = [settle(operation.target, exposure) for operation in rest]
    below += [
        (target, not os.path.isfile(operation.words[1]) if len(operation.words) > 2 else True)
        for operation, target in zip(rest, targets, strict=True)
        if is_below(target, home) and target != home and not is_below(target, subject.project)
    ]
    below = [item for item in below if not any(is_below(item[0], operation.target) for operation in in_home)]
    below += [(operation.target, True) for operation in in_home]
    add_home(layout, subject, below, keep_own=home in replaced)
    for operation in in_home:  # over the private home, and still below the project
        add_operation(layout, operation, roots, request.cwd, "your option")
    for words, why in lines_of(exposure, [home], [subject.project]):
        layout.option(words, why=why)
    add_project(layout, subject, request, policy, rest, replaced, exposure.binds)
    for words, why in lines_of(exposure, [subject.project], [subject.venv] if subject.venv else []):
        layout.option(words, why=why)
    if request.pip_cache:
        why = "your own pip cache (SANDBOX_USE_PIP_CACHE)"
        layout.add("point-dir", subject.private_cache, "pip", why=why)
        layout.add("rw", request.pip_cache, f"{home}/.cache/pip", why=why)
    for operation, target in zip(rest, targets, strict=True):
        moved = Operation((*operation.words[:-1], target), operation.prefix, target) if target else operation
        if operation.words[0] == "--chmod":
            moved = operation
        mount_point(layout, subject, moved, project_bound=subject.project in replaced)
        add_operation(layout, moved, roots, request.cwd, "your option")
    for path, text in aliases.items():
        layout.option(("--symlink", text, path), why="the venv was made by this path, and its scripts name it")
    base = lines_of(exposure, ["/"], [home, subject.project, "/tmp"])  # noqa: S108 - what lies there comes later
    return layout, base, bottom


def add_project(
    layout: Layout, subject: Subject, request: Request, policy: Policy, rest: Sequence[Operation], replaced: set[str],
    shown: Iterable[str],
) -> None:  # fmt: skip
    """Mount the project, the venv and what is protected in them; ``shown``: mount points of what the host shows."""
    project = subject.project
    if project not in replaced:
        layout.add("rw", project, project, why="the project, writable")
    own = [subject.venv] if subject.venv else []
    nested = find_nested(project, policy.protect_nested, own, request.known)
    repositories = [f"{project}/.git", *(path for path, _ in nested if path.endswith("/.git"))]
    named, read = named_files(repositories, project, subject.home)
    layout.watched = list(dict.fromkeys([f"{project}/.git/config", f"{project}/.git/hooks", *read]))
    inside = [*own, f"{project}/.git", *(path for path, _ in nested)]
    layout.protected = [path for path, why in nested if why != CLOSED]
    linked = linked_files(project, [*(f"{project}/{name}" for name in policy.protect), *(path for path, _ in nested)])
    for paths, why in ((named, "git's settings name it"), (linked, "a link in what host tools obey leads to it")):
        nested += [(path, why) for path in paths if not any(is_below(path, top) for top in inside)]
    nested = outermost(nested)
    roots = [project]
    others = [(path, "another wrapped venv") for path in subject.other_venvs if writable_root(path, roots)]
    user_targets = [operation.target for operation in rest]
    inner = [path for path, _ in nested] + [path for path, _ in others] + user_targets + list(shown)
    if subject.venv:
        inner.append(subject.venv)
    add_pins(layout, roots, inner)
    add_venv(layout, subject, request.kind)
    layout.add("protect", project, why="host tools execute these or take orders from them")
    for path, why in outermost(nested + others):
        layout.add("ro-try", path, path, why=why)


def stamps(subject: Subject, request: Request, extra: Sequence[str]) -> list[bytes]:
    """Return the STAMPS section: a handful of paths that change when the plan must."""
    paths = [*subject.site, subject.base.executable, subject.base.dynload, "/etc/ld.so.cache", *extra]
    if subject.venv:
        paths.append(f"{subject.venv}/pyvenv.cfg")
    if subject.originals:
        paths += [subject.originals, subject.bin]  # the outer one: a tool outside may have installed something
    paths += [f"{subject.project}/.env", str(subject.folder.parents[1] / "venvs"), str(subject.folder / "record.json")]
    if request.bwrap:
        paths.append(request.bwrap)
    found = []
    for path in dict.fromkeys(paths):
        name = os.fsencode(path)
        found += [name, stamp(name)]
    return found


def compile_plan(
    subject: Subject, request: Request, policy: Policy, seccomp: Program, facts: FactsCache | None,
    extra_stamps: Sequence[str] = (),
) -> Compiled:  # fmt: skip
    """Compile one plan.

    Raises:
        SandboxError: the user's options or the project make a safe plan impossible.
    """
    subject = session_subject(subject, request.kind)
    system = compile_system(subject, policy, request.kind, request.user.libs, facts, request.user.tools)
    in_tmp = [item for item in request.files if is_below(item[0], "/tmp")]  # noqa: S108 - the host's
    for path, reason in request.files:
        if (path, reason) not in in_tmp:
            system.exposure.expose(path, reason)
    layout, shown, bottom = lay_out(subject, request, policy, system)
    for words, why in lines_of(system.exposure, ["/tmp"], [subject.home, subject.project]):  # noqa: S108 - the host's
        layout.option(words, why=why)
    for path, reason in in_tmp:  # below the sandbox's own /tmp, which is mounted after what the host shows
        layout.option(("--ro-bind-try", os.path.realpath(path), path), why=reason)
    covered = [target for target in _covered_targets(request.user.operations) if target != "/"]
    base = set_up_lines(subject, request, policy, seccomp)
    head = [line for line in base if not line[0][0].startswith(("--proc", "--ro-bind", "--dev", "--size", "--symlink"))]
    rest = [line for line in base if line not in head]
    lines = head
    for operation in bottom:
        own = Layout()
        add_operation(own, operation, [subject.project, subject.private_home], request.cwd, "your option")
        ((kind, first, second), why), *_ = own.lines
        option = {"rw": "--bind", "ro": "--ro-bind", "rw-try": "--bind-try", "ro-try": "--ro-bind-try"}.get(kind, kind)
        lines.append((tuple(word for word in (option, first, second) if word), why))
    if not bottom:
        lines += _prune_covered(shown, covered)
    lines += rest
    slots: list[Line] = [(words, why) for words, why in layout.lines]
    tail: list[Line] = [(("--remount-ro", pin), "closes the pin") for pin in layout.pins]
    if not bottom:
        tail.append((("--remount-ro", "/"), "nothing can be put beside the mounts"))
    tail += [(words, "your option") for words in cut_options(request.user.flags, where="flags")]
    check_trust(subject, layout, [line[0] for line in lines])
    plan = Plan([b""] * SECTIONS)
    plan.base = [os.fsencode(word) for words, _ in lines for word in words]
    plan.slots = [os.fsencode(word) for words, _ in slots for word in words]
    plan.tail = [os.fsencode(word) for words, _ in tail for word in words]
    plan.protect = [os.fsencode(name) for name in policy.protect]
    plan.entries = [os.fsencode(name) for name in policy.installers]
    libraries = os.fsencode(unfound_libraries(subject.base, system.closure))
    plan.env = [b"set", b"LD_LIBRARY_PATH=" + libraries] if libraries else []
    plan.env += environment_rules(subject, request, policy)
    plan.stamps = stamps(subject, request, [*extra_stamps, *layout.watched])
    plan.seccomp_allow, plan.seccomp_deny = seccomp.allow, seccomp.deny
    plan.meta = {
        os.fsencode(name): value if isinstance(value, bytes) else os.fsencode(value)
        for name, value in _meta(subject, request, policy, layout, seccomp).items()
    }
    if libraries:
        plan.meta[b"libraries"] = libraries
    return Compiled(plan, lines, slots, tail, system, seccomp, list(seccomp.notes), layout.protected)


def _meta(
    subject: Subject, request: Request, policy: Policy, layout: Layout, seccomp: Program
) -> dict[str, str | bytes]:
    shown = [subject.project, *([subject.venv] if subject.venv else [])]
    if not subject.base.is_system:
        shown.append(subject.base.prefix)
    shown += [operation.target for operation in request.user.operations if operation.words[0] != "--symlink"]
    paths = [path for item in policy.show if item.session in ("any", request.kind) for path in item.paths]
    shown += [path for path in paths if os.path.isdir(path) and os.path.realpath(path) == path]
    nested = {"nested": "1"} if "nested" in request.user.allow else {}
    limits = {item.partition("=")[0]: item for item in request.user.rlimits}
    return {
        **nested,
        **({"rlimits": " ".join(limits.values())} if limits else {}),
        **({"admit": " ".join(request.user.admit)} if request.user.admit else {}),
        **({"env-files": "\1".join(request.user.files)} if request.user.files else {}),
        **portal_meta(request.user.bus_calls, subject.base.executable),
        "version": __version__,
        "dir": str(subject.folder),
        "kind": request.kind,
        "variant": request.variant,
        "backend": request.backend,
        "bwrap": request.bwrap,
        "interpreter": subject.base.executable,
        "bin": subject.bin,
        "shell": "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh",
        "venv": subject.venv or "",
        "project": subject.project,
        "home": subject.home,
        "private-home": subject.private_home,
        "own-plans": "\1".join(request.own_plans),
        "pins": "\1".join(layout.pins),
        "nested-names": "\1".join(policy.protect_nested),
        "shown": "\1".join(shown),
        "record": "1" if subject.wrapped else "",
        "chdir": request.user.chdir or "",
        "safe-path": ("-P" if subject.base.version >= (3, 11) else "-I") if request.kind == "install" else "",
        "keep-fd": " ".join(str(fd) for fd in request.user.keep_fds),
        "allowed": str(seccomp.allowed),
    }
