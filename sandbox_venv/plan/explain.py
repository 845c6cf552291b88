"""``explain``: the plan for people, with the reason for each mount, and what is really enforced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from .. import probe
from ..errors import shown
from ..launch.call import ENTRY
from ..launch.planfile import Plan
from .basics import Line
from .compile import Compiled
from .subject import Subject

NETWORK = "no network"
"""What is not amiss where it isn't in force."""


def in_force(plan: Plan) -> list[tuple[str, bool, str]]:
    """Return (what, in force, detail) for each protection that depends on the machine."""
    abi = probe.landlock_abi()
    allowed = os.fsdecode(plan.meta[b"allowed"])
    nested = b"nested" in plan.meta
    reopening = "given up for --allow nested" if nested else f"kernel ABI {abi}" + ("" if abi >= 2 else ", needs 2")
    scope = f"kernel ABI {abi}" + ("" if abi >= 6 else ", needs 6")
    alone = b"--unshare-net" in plan.tail
    added = [os.fsdecode(plan.tail[at + 1]) for at, word in enumerate(plan.tail) if word == b"--cap-add"]
    privileges = f"given: {' '.join(added)}" if added else "given up" if nested else "always"
    seccomp = f"{allowed} system calls allowed" if plan.seccomp_allow else "switched off"
    return [
        ("namespaces: user, mount, pid, ipc, uts, cgroup", True, "always"),
        (NETWORK, alone, "cut off" if alone else "the host's is shared (--unshare-net cuts it off)"),
        ("no capability, no_new_privs, no nested user namespace", privileges == "always", privileges),
        ("seccomp, before the program's first instruction", bool(plan.seccomp_allow), seccomp),
        ("Landlock: files behind 0-2 can't be reopened in another mode", abi >= 2 and not nested, reopening),
        ("Landlock: no abstract sockets, no signals to the host", abi >= 6, scope),
        ("core dumps off, inherited descriptors closed", True, "always"),
    ]  # fmt: skip


def own_settings(plan: Plan) -> tuple[list[str], list[str]]:
    """Return (the names by which settings of one entry point count in this plan, all names that have such)."""
    own = next((item for item in plan.meta[b"variant"].split(b"\1") if item.startswith(ENTRY)), b"")
    here = own.removeprefix(ENTRY).split(b"\2") if own else []
    names = plan.meta[b"own-plans"]
    return [os.fsdecode(name) for name in here], [os.fsdecode(name) for name in names.split(b"\1") if name]


def describe(line: Line) -> tuple[str, str]:
    """Return (what, why) of one line of the plan."""
    words, why = line
    kind, args = words[0], [word for word in words[1:] if word]
    names = {
        "rw": "read-write", "ro": "read-only", "rw-try": "read-write", "ro-try": "read-only", "--ro-bind": "read-only",
        "--ro-bind-try": "read-only", "--bind": "read-write", "--bind-try": "read-write", "--symlink": "link",
    }  # fmt: skip
    if kind in names and len(args) == 2:
        source, target = args
        if kind == "--symlink":
            return f"{names[kind]:11}{target} -> {source}", why
        return f"{names[kind]:11}{target}" + ("" if source == target else f"  (from {source})"), why
    return f"{kind.lstrip('-'):11}{' '.join(args)}", why


def grouped(lines: Iterable[Line]) -> list[tuple[str, list[str]]]:
    """Return lines by reason, reasons in the order of their first line."""
    groups: dict[str, list[str]] = {}
    for line in lines:
        what, why = describe(line)
        groups.setdefault("libraries" if why.startswith("library of ") else why, []).append(
            f"{what}  [{why}]" if why.startswith("library of ") else what
        )
    return list(groups.items())


def text(subject: Subject, compiled: Compiled) -> str:
    """Return the explanation for people."""
    plan = compiled.plan
    out = [
        f"venv        {subject.venv or 'none: the system Python'}" + (" (wrapped)" if subject.wrapped else ""),
        f"project     {subject.project}",
        f"session     {os.fsdecode(plan.meta[b'kind'])}",
        f"backend     {os.fsdecode(plan.meta[b'backend'])}",
        f"base        {subject.base.executable}",
    ]
    here, names = own_settings(plan)
    if here:
        out.append(f"entry       {' '.join(here)}, with settings of its own")
    elif names:
        out.append(f"others      with settings of their own: {', '.join(names)} (explain -- {names[0]})")
    out += ["", "In force"]
    for what, yes, detail in in_force(plan):
        mark = "yes" if yes else "--" if what == NETWORK else "NO"
        out.append(f"  {mark:4}{what}" + ("" if detail == "always" else f": {detail}"))
    out += ["", "Mounts, in order (later ones lie over earlier ones)"]
    for why, items in grouped([*compiled.base, *compiled.slots, *compiled.tail]):
        out.append(f"  {why}")
        out += [f"    {item}" for item in items]
    out += ["", "Environment (besides what is given to one process and the allow-list)"]
    out += [
        f"  {os.fsdecode(rule):7}{os.fsdecode(value)}"
        for rule, value in zip(plan.env[::2], plan.env[1::2], strict=True)
    ]
    if compiled.system.closure.missing:
        out += ["", "Libraries that weren't found on this machine"]
        out += [f"  {shown(name)}  needed by {shown(by)}" for name, by in compiled.system.closure.missing]
    return "".join(printable(line) + "\n" for line in out)


def printable(line: str) -> str:
    """Return a line as a terminal can show it: names that a session gave may hold escape sequences."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


def as_json(subject: Subject, compiled: Compiled) -> str:
    """Return the explanation for programs."""
    plan = compiled.plan
    here, names = own_settings(plan)
    data = {
        "venv": subject.venv,
        "wrapped": subject.wrapped,
        "project": subject.project,
        "session": os.fsdecode(plan.meta[b"kind"]),
        "backend": os.fsdecode(plan.meta[b"backend"]),
        "base": subject.base.executable,
        "entry": here,
        "own_settings": names,
        "enforced": [{"what": what, "in_force": yes, "detail": detail} for what, yes, detail in in_force(plan)],
        "mounts": [
            {"option": list(words), "reason": why} for words, why in [*compiled.base, *compiled.slots, *compiled.tail]
        ],
        "environment": [
            [os.fsdecode(rule), os.fsdecode(value)] for rule, value in zip(plan.env[::2], plan.env[1::2], strict=True)
        ],
        "libraries": [
            {"path": library.path, "needed_by": list(library.needed_by)}
            for library in compiled.system.closure.libraries
        ],
        "missing": [list(pair) for pair in compiled.system.closure.missing],
        "seccomp": {"allowed": compiled.seccomp.allowed},
    }
    return json.dumps(data, indent=2) + "\n"
