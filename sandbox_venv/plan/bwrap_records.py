"""A plan for bwrap as the flat records that the C launcher executes: `native/words.c` and `native/slots.c`.

| what | arguments | |
|---|---|---|
| ``|`` | bwrap, letters | the first; ``s`` among the letters: bwrap runs in the shelter (``launch/shelter.py``) |
| ``/`` | skeleton, place | the second, or none: the ready-made root, and where it is mounted in the shelter |
| ``b`` | source, target | read-only, target in the skeleton: ``plan/merged.py`` |
| ``v`` | path, – | stays writable in the shelter |
| ``B`` ``T`` | | the BASE or the TAIL section as it stands; there is no ``B`` where there is a ``/`` |
| ``R`` ``A`` ``=`` | word, word or – | words for bwrap as they stand: in the place of BASE, after the slots, a slot |
| ``x`` | –, target | what lies at or below it isn't verified: it is mounted over |
| ``w`` ``o`` (``W`` ``O``), ``D`` ``F``, ``P`` | | as on native (``plan/records.py``) |
| ``c`` | word, – | for bwrap, with the caller's directory, where that must be made in the sandbox's own ``/tmp`` |

Targets have no leading slash.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..launch.planfile import Plan
from ..launch.shelter import outermost, writable_sources
from ..launch.slots import COVERING
from .merged import merge
from .records import SLOT_LETTERS, inner, is_served
from .skeleton import Skeleton, Unsupported

MOST_KEPT = 48
"""So many places stay writable in the shelter; C has room for a few more."""


def point(path: bytes) -> bytes:
    """Return a mount point below the root, without its leading slash."""
    found = inner(path)
    if not found:
        raise Unsupported
    return found


def slot_words(slots: list[bytes]) -> Iterator[bytes]:
    """Yield the options that the slots stand for, with sources by their paths."""
    for kind, first, second in zip(slots[::3], slots[1::3], slots[2::3], strict=True):
        if kind in SLOT_LETTERS:
            yield from (b"--bind" if kind[:2] == b"rw" else b"--ro-bind", first, second)
        else:
            yield from (kind, first, second)


def kept_paths(plan: Plan) -> list[bytes] | None:
    """Return what stays writable in the shelter; None where there is to be no shelter."""
    kept = outermost(writable_sources([*plan.base, *slot_words(plan.slots), *plan.tail]))
    if b"shelter" not in plan.meta or kept[:1] == [b"/"]:
        return None
    protected = [first for kind, first in zip(plan.slots[::3], plan.slots[1::3], strict=False) if kind == b"protect"]
    for project in protected:  # directories above protected names get mounts of their own, writable as the project
        if not any((project + b"/").startswith(path + b"/") for path in kept):
            raise Unsupported
    if len(kept) > MOST_KEPT or any(path != b"/" + inner(path) for path in kept):
        raise Unsupported
    return kept


def pairs(what: bytes, words: list[bytes]) -> Iterator[bytes]:
    """Yield records that hold the words."""
    for at in range(0, len(words), 2):
        yield from (what, *words[at : at + 2], *([b""] if at + 1 == len(words) else []))


def slot(kind: bytes, first: bytes, second: bytes) -> Iterator[bytes]:
    """Yield the records of one slot."""
    if kind in SLOT_LETTERS:
        yield from (SLOT_LETTERS[kind], first, point(second))
    elif kind == b"protect":
        yield from (b"P", first, b"")
    elif kind in (b"point-dir", b"point-file"):
        yield from (b"D" if kind == b"point-dir" else b"F", first, second)
    elif kind == b"+" or kind[:2] == b"--":
        yield from pairs(b"=", [word for word in (kind if kind != b"+" else b"", first, second) if word])
        if kind in COVERING:
            yield from (b"x", b"", point(second or first))
    else:
        raise Unsupported


def has_own_tmp(plan: Plan) -> bool:
    """Tell whether ``/tmp`` is a tmpfs of the sandbox, with no link in it that could lead elsewhere."""
    words = [*plan.base, *plan.slots]
    own = (b"--tmpfs", b"/tmp") in zip(words, words[1:], strict=False)  # noqa: RUF007 - the sandbox's
    return own and not any(
        word == b"--symlink" and words[at + 2].startswith(b"/tmp/") for at, word in enumerate(words[:-2])
    )


def base_records(
    plan: Plan, kept: list[bytes] | None, *, may_merge: bool
) -> tuple[list[bytes], list[bytes], Skeleton | None]:
    """Return the records before and after the slots', and the skeleton whose place is still empty in the first."""
    kept_records = [item for path in kept or () for item in (b"v", path, b"")]
    if kept is not None and may_merge:
        try:
            merged = merge(plan, kept)
        except Unsupported:
            pass
        else:
            root = [b"/", b"", merged.place, *merged.group]
            before = [*root, *pairs(b"R", merged.options), *kept_records]
            return before, [*pairs(b"A", merged.late)], merged.skeleton
    return [*kept_records, b"B", b"", b""], [], None


def translate(plan: Plan, *, may_merge: bool = True) -> tuple[list[bytes], Skeleton | None] | None:
    """Return the records of a plan for bwrap, and the skeleton that the second one names with an empty path.

    None where the records can't say all of it: then Python starts the session.
    """
    if not is_served(plan, b"bwrap") or not plan.meta.get(b"bwrap", b"").startswith(b"/"):
        return None
    try:
        kept = kept_paths(plan)
        records, after, skeleton = base_records(plan, kept, may_merge=may_merge)
        for kind, first, second in zip(plan.slots[::3], plan.slots[1::3], plan.slots[2::3], strict=True):
            records += slot(kind, first, second)
    except Unsupported:
        return None
    records = [b"|", plan.meta[b"bwrap"], b"" if kept is None else b"s", *records]
    return [*records, *([b"c", b"--dir", b""] if has_own_tmp(plan) else []), *after, b"T", b"", b""], skeleton
