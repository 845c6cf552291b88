"""Which rule of a plan decides about a path: the mounts are followed in their order, links included."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..plan.basics import Line
from ..plan.compile import Compiled
from ..plan.expose import is_below

WRITABLE = ("rw", "rw-try", "--bind", "--bind-try", "--dev-bind", "--dev-bind-try", "--bind-fd")
READABLE = ("ro", "ro-try", "--ro-bind", "--ro-bind-try", "--ro-bind-fd")
OWN = {
    "--tmpfs": "a private, empty tmpfs",
    "--proc": "the sandbox's own /proc",
    "--dev": "the sandbox's own /dev",
    "--dir": "an empty directory",
}
MOST_LINKS = 40
MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a path inside.

    Attributes:
        access: ``read-write``, ``read-only``, ``private``, ``hidden``, ``partial`` (a directory in which only what is
            mounted below it is shown) or ``absent``.
        rule: the deciding option or slot, as ``explain`` shows it; "" where none shows the path.
        why: the reason it has in the plan.
        shows: what is found there, where that is not the host's file of the same name.
        path: the path after the links that the plan makes.
        mount: where the deciding mount lies, "" where there is none.
        notes: what else is worth knowing.
    """

    access: str
    rule: str
    why: str
    shows: str
    path: str
    mount: str
    notes: tuple[str, ...] = ()


def follow_links(path: str, lines: Sequence[Line]) -> str:
    """Return ``path`` with the links that the plan makes resolved."""
    links = {words[2]: words[1] for words, _ in lines if words[0] == "--symlink"}
    for _ in range(MOST_LINKS):
        parts = path.split("/")
        heads = ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]
        link = next((head for head in heads if head in links), None)
        if link is None:
            return path
        target = os.path.join(os.path.dirname(link), links[link])
        path = os.path.normpath(target + path[len(link) :])
    return path


def judge(path: str, compiled: Compiled) -> Verdict:
    """Return what the plan does about an absolute path: of the mounts that lie over it, the last decides."""
    lines = [*compiled.base, *compiled.slots, *compiled.tail]
    real = follow_links(path, lines)
    access, rule, why, shows, top = "absent", "", "", "", ""
    notes = [] if real == path else [f"the plan makes a link: {path} -> {real}"]
    for line, reason in lines:
        kind = "--tmpfs" if "--tmpfs" in line else line[0]  # it may have --size and --perms before it
        words = tuple(word for word in line if word)
        target = words[-1]
        if kind == "--remount-ro" and target == top and access != "absent":
            access = "private" if shows == OWN["--tmpfs"] else "read-only"
        elif kind == "protect":
            name = real[len(target) + 1 :].partition("/")[0] if is_below(real, target) else ""
            if name and os.fsencode(name) in compiled.plan.protect and os.path.lexists(os.path.join(target, name)):
                access, rule, why, top = "read-only", f"protect {name}", reason, os.path.join(target, name)
        elif not target.startswith("/") or not is_below(real, target) or kind in ("--symlink", "point-dir", "--chmod"):
            continue
        elif kind in WRITABLE or kind in READABLE:
            if kind.endswith("-try") and not os.path.lexists(words[1]):
                continue
            access = "read-write" if kind in WRITABLE else "read-only"
            rule, why, top = " ".join(words), reason, target
            source = words[1] + real[len(target) :] if target != "/" else real
            shows = "" if os.path.realpath(source) == os.path.realpath(path) else source
            if words[1] == "/dev/null":
                access, shows = "hidden", "nothing: it reads as empty"
        elif kind in OWN:
            access, rule, why, top, shows = "private", " ".join(words), reason, target, OWN[kind]
    if access == "absent" and (below := shown_below(real, lines)):
        access = "partial"
        notes.append("in it: " + ", ".join(below[:MOST_NAMES]) + (", …" if len(below) > MOST_NAMES else ""))
    return Verdict(access, rule, why, shows, real, top, tuple(notes))


def shown_below(path: str, lines: Sequence[Line]) -> list[str]:
    """Return the names in a directory that are there because something is mounted below it, sorted."""
    head = path.rstrip("/") + "/"
    found = set()
    for line, _ in lines:
        words = [word for word in line if word]
        missing = words[0].endswith("-try") and not os.path.lexists(words[min(1, len(words) - 1)])
        if not missing and words[0] != "--chmod" and words[-1].startswith(head):
            found.add(words[-1][len(head) :].partition("/")[0])
    return sorted(found)
