"""A native plan's options as the flat records that the C launcher executes, and the skeleton they are mounted in.

A record is three strings: what, and two arguments. `native/setup.c` executes them in their order:

| what | arguments | |
|---|---|---|
| ``/`` | skeleton, letters | the first: the new root; ``c`` among the letters: a cgroup namespace too |
| ``b`` | source, target | read-only, target in the skeleton |
| ``s`` | | the read-only group is complete |
| ``p`` ``d`` | –, target | procfs; device directory |
| ``t`` | options, target | tmpfs |
| ``k`` ``f`` | mode or –, target | directory or empty file in a tmpfs |
| ``l`` | text, target | link in a tmpfs |
| ``m`` ``n`` | source, target | read-only, or with devices, target anywhere |
| ``w`` ``o`` (``W`` ``O``) | source, target | a slot, writable or read-only (optional) |
| ``D`` ``F`` | directory, path below | mount point made on the host |
| ``P`` | project | the protected names |
| ``r`` | –, target | that one mount read-only |
| ``N`` | | a network namespace, with a loopback interface that is up |

Targets have no leading slash. What can't be said so makes the translation empty, and Python starts the session.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ..launch import linux
from ..launch.call import ENTRY
from ..launch.planfile import Plan
from .skeleton import Skeleton, Unsupported

NAMESPACES = (
    b"--unshare-user", b"--unshare-pid", b"--unshare-ipc", b"--unshare-uts", b"--disable-userns", b"--die-with-parent",
)  # fmt: skip
ARITY = {
    b"--cap-drop": 1, b"--proc": 1, b"--dev": 1, b"--tmpfs": 1, b"--dir": 1, b"--remount-ro": 1, b"--size": 1,
    b"--perms": 1, b"--symlink": 2, b"--ro-bind": 2, b"--ro-bind-try": 2, b"--dev-bind": 2, b"--dev-bind-try": 2,
    b"--unshare-cgroup-try": 0, b"--unshare-net": 0, **dict.fromkeys(NAMESPACES, 0),
}  # fmt: skip
SLOT_LETTERS = {b"rw": b"w", b"ro": b"o", b"rw-try": b"W", b"ro-try": b"O"}
SWITCHES = (b"sys", b"sysrq-trigger", b"irq", b"bus")
"""What `launch.native.contents.Proc` closes by itself where it could be written; the plan must cover them then."""

IN_DEV = {*linux.DEVICES, *(name for _, name in linux.DEVICE_LINKS), b"shm", b"pts", b"console"}
"""What ``d`` makes in ``/dev``."""

UNDERSTOOD = {
    b"version", b"dir", b"kind", b"backend", b"bwrap", b"interpreter", b"bin", b"shell", b"venv", b"project", b"home",
    b"private-home", b"pins", b"nested-names", b"shown", b"record", b"allowed",
    b"own-plans", b"variant", b"shelter",
}  # fmt: skip
"""What of META the C launcher goes by, or needn't; a plan with anything else is Python's."""


def flatten(words: list[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Yield each bubblewrap option with its arguments."""
    at = 0
    while at < len(words):
        arity = ARITY.get(words[at])
        if arity is None or at + arity >= len(words):
            raise Unsupported
        yield tuple(words[at : at + 1 + arity])
        at += 1 + arity


def inner(path: bytes) -> bytes:
    """Return a path inside, without its leading slash; only plain ones can be said."""
    parts = path.split(b"/")
    if not path.startswith(b"/") or b".." in parts or b"." in parts or b"" in parts[1:]:
        raise Unsupported
    return path[1:]


def is_folder(path: bytes) -> bool:
    """Tell whether a source is a directory. One that isn't there may become either, so it has no mount point yet."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        raise Unsupported from None


class Translation:
    """One plan on its way into records."""

    def __init__(self) -> None:
        self.skeleton = Skeleton()
        self.group: list[bytes] = []
        self.rest: list[bytes] = []
        self.mounts: list[tuple[bytes, str]] = []
        self.made: set[bytes] = set()
        self.linked: set[bytes] = set()
        self.flags: set[bytes] = set()
        self.size = self.perms = b""

    def add(self, what: bytes, first: bytes, second: bytes) -> None:
        """Append a record after the read-only group."""
        self.rest += [what, first, second]

    def kind_at(self, target: bytes) -> str:
        """Return what kind of mount a mount point lies in, "" for the skeleton."""
        for top, kind in reversed(self.mounts):
            if target == top or target.startswith(top + b"/"):
                return kind
        return ""

    def place(self, target: bytes, *, folder: bool) -> str:
        """See to the mount point's being there; return where it lies."""
        if not target:
            raise Unsupported
        kind = self.kind_at(target)
        if kind == "":
            if folder:
                self.skeleton.add_folder(target)
            else:
                self.skeleton.add_file(target)
        elif target not in [top for top, _ in self.mounts] and (
            kind == "tmpfs" or (kind == "dev" and target.split(b"/")[1] not in IN_DEV)
        ):
            self._make(target, folder=folder)
        return kind

    def _make(self, target: bytes, *, folder: bool) -> None:
        top = max((top for top, _ in self.mounts if target.startswith(top + b"/")), key=len)
        path = top
        parts = target[len(top) + 1 :].split(b"/")
        for at, part in enumerate(parts):
            path += b"/" + part
            if path in self.linked:
                raise Unsupported
            if path in self.made:
                continue
            last = at + 1 == len(parts)
            if last and not folder:
                self.add(b"f", b"", path)
            else:
                self.add(b"k", b"0755" if last else b"0700", path)
            self.made.add(path)

    def mount(self, target: bytes, kind: str) -> None:
        """Note a mount, which nothing before may lie below."""
        if any(top == target or top.startswith(target + b"/") for top, _ in self.mounts):
            raise Unsupported
        self.mounts.append((target, kind))

    def bind(self, what: bytes, source: bytes, target: bytes, kind: str) -> None:
        """Add a bind of a host's path."""
        if b".." in source.split(b"/") or not source.startswith(b"/"):
            raise Unsupported
        where = self.place(target, folder=is_folder(source))
        if where == "" and what == b"m":
            self.group += [b"b", source, target]
        else:
            self.add(what, source, target)
        self.mount(target, kind)

    def option(self, words: tuple[bytes, ...]) -> None:
        """Add a bubblewrap option."""
        name, *arguments = words
        if name in (b"--ro-bind", b"--ro-bind-try", b"--dev-bind", b"--dev-bind-try"):
            read_only = name.startswith(b"--ro")
            self.bind(b"m" if read_only else b"n", arguments[0], inner(arguments[1]), "ro" if read_only else "devices")
        elif name == b"--size":
            self.size = arguments[0]
        elif name == b"--perms":
            self.perms = arguments[0]
        elif name == b"--cap-drop":
            if arguments[0].upper() != b"ALL":
                raise Unsupported
            self.flags.add(name)
        elif name == b"--symlink":
            self._symlink(arguments[0], inner(arguments[1]))
        elif name == b"--remount-ro":
            if arguments[0] == b"/":
                self.flags.add(b"closed")
            else:
                self.add(b"r", b"", inner(arguments[0]))
        elif name == b"--unshare-net":  # a record, no letter: what doesn't know it refuses, and leaves no network open
            self.add(b"N", b"", b"")
        elif len(arguments) == 1:
            self._mount_new(name, inner(arguments[0]))
        else:
            self.flags.add(name)

    def _symlink(self, text: bytes, target: bytes) -> None:
        kind = self.kind_at(target)
        if kind == "":
            self.skeleton.add_link(target, text)
        elif kind == "tmpfs" and target not in self.made:
            if os.path.dirname(target) not in {top for top, _ in self.mounts}:
                self._make(os.path.dirname(target), folder=True)
            self.add(b"l", text, target)
            self.made.add(target)
            self.linked.add(target)
        else:
            raise Unsupported

    def _mount_new(self, name: bytes, target: bytes) -> None:
        where = self.place(target, folder=True)
        if name == b"--dir":
            if where not in ("", "tmpfs") or self.perms:
                raise Unsupported
            return
        if name == b"--proc":
            self.add(b"p", b"", target)
        elif name == b"--dev":
            self.add(b"d", b"", target)
        else:
            mode = self.perms.lstrip(b"0")
            options = b"mode=0" + mode if self.perms else b"mode=0755"
            if self.size:
                options += b",size=" + self.size
            self.add(b"t", options, target)
        if name != b"--tmpfs" and (self.size or self.perms):
            raise Unsupported
        self.size = self.perms = b""
        self.mount(target, name[2:].decode())

    def slot(self, kind: bytes, first: bytes, second: bytes) -> None:
        """Add a slot."""
        if kind in SLOT_LETTERS:
            target = inner(second)
            self.place(target, folder=is_folder(first))
            self.add(SLOT_LETTERS[kind], first, target)
            self.mount(target, "host")
        elif kind == b"protect":
            self.add(b"P", first, b"")
        elif kind in (b"point-dir", b"point-file"):
            self.add(b"D" if kind == b"point-dir" else b"F", first, second)
        else:
            raise Unsupported


def check(translation: Translation) -> None:
    """Refuse a plan without what C takes for granted."""
    flags = {*NAMESPACES, b"--cap-drop", b"closed"}
    if translation.flags - {b"--unshare-cgroup-try"} != flags:
        raise Unsupported
    if not {(b"proc", "proc"), (b"dev", "dev")} <= set(translation.mounts):
        raise Unsupported
    covered = {target for target, _ in translation.mounts}
    for name in SWITCHES:
        if os.access(b"/proc/" + name, os.W_OK) and b"proc/" + name not in covered:
            raise Unsupported


def is_served(plan: Plan, backend: bytes) -> bool:
    """Tell whether the C launcher starts sessions of a plan's kind, with nothing in META that it doesn't know."""
    meta = plan.meta
    if meta.get(b"kind") != b"run" or meta.get(b"backend") != backend or not meta.get(b"record"):
        return False
    variant = meta.get(b"variant", b"")
    if variant and (not variant.startswith(ENTRY) or b"\1" in variant):  # of a call's environment: Python's
        return False
    return not any(value for name, value in meta.items() if name not in UNDERSTOOD)


def translate(plan: Plan) -> tuple[list[bytes], Skeleton] | None:
    """Return the records of a plan, the first with an empty path for the skeleton, and the skeleton.

    None where the records can't say all of it: then Python starts the session.
    """
    if not is_served(plan, b"native"):
        return None
    translation = Translation()
    try:
        for words in flatten(plan.base):
            translation.option(words)
        finish(translation, plan)
    except Unsupported:
        return None
    letters = b"c" if b"--unshare-cgroup-try" in translation.flags and os.path.exists("/proc/self/ns/cgroup") else b""
    return [b"/", b"", letters, *translation.group, b"s", b"", b"", *translation.rest], translation.skeleton


def finish(translation: Translation, plan: Plan) -> None:
    """Add what comes after a plan's BASE.

    Raises:
        Unsupported: it can't be said in records.
    """
    _slots(translation, plan.slots)
    for words in flatten(plan.tail):
        translation.option(words)
    check(translation)


def _slots(translation: Translation, slots: list[bytes]) -> None:
    pending: list[bytes] = []
    for kind, first, second in [*zip(slots[::3], slots[1::3], slots[2::3], strict=True), (b"", b"", b"")]:
        if kind == b"+":
            pending += [item for item in (first, second) if item]
            continue
        for words in flatten(pending):
            translation.option(words)
        pending = []
        if kind.startswith(b"--"):
            pending = [item for item in (kind, first, second) if item]
        elif kind:
            translation.slot(kind, first, second)
