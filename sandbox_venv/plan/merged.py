"""The part of a plan for bwrap that is the same at each start and can't be written, as a few mounts.

bwrap reads all of mountinfo after each bind, so a hundred of them cost it ten times what the kernel needs. The shelter
(``launch/shelter.py``), a mount namespace of ours that bwrap starts in, mounts them on a ready-made root
(`plan.roots`), and bwrap binds the few directories at its top that they lie in; what depends on the PID namespace, is
new, or can be written is left to bwrap's own options.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..launch.planfile import Plan
from .records import Translation, finish, flatten, inner
from .skeleton import Skeleton, Unsupported

MERGED = (b"--ro-bind", b"--ro-bind-try", b"--symlink", b"--dir")
PLACES = (b"/sys", b"/mnt", b"/srv")
"""Where the root may be mounted in the shelter: short paths, since mountinfo repeats them in each line; /sys is nearly
everywhere."""


class Merged(NamedTuple):
    """What becomes of a plan's BASE."""

    skeleton: Skeleton
    place: bytes
    group: list[bytes]
    """Records ``b`` (``plan/records.py``)."""
    options: list[bytes]
    """For bwrap, in the place of BASE."""
    late: list[bytes]
    """For bwrap, after what the slots become: the fewer mounts there are, the quicker is each."""


def choose_place(paths: Sequence[bytes]) -> bytes:
    """Return a directory that nothing else is wanted from.

    Args:
        paths: all that is named in the plan, and words that are none.

    Raises:
        Unsupported: there is none.
    """
    for place in PLACES:
        wanted = any(path == b"/" or (path + b"/").startswith(place + b"/") for path in paths)
        if not wanted and os.path.isdir(place) and not os.path.islink(place):
            return place
    raise Unsupported


def top_of(target: bytes) -> bytes:
    """Return the first component of a path inside."""
    return target.partition(b"/")[0]


def merge(plan: Plan, kept: Sequence[bytes]) -> Merged:
    """Take a plan for bwrap apart.

    Args:
        plan: one that is started in the shelter.
        kept: what stays writable there.

    Raises:
        Unsupported: it can't be said so.
    """
    translation = Translation()
    base: list[tuple[tuple[bytes, ...], bytes]] = []  # options; the top of those that the root does, else b""
    for words in flatten(plan.base):
        target = inner(words[-1]) if words[0] in MERGED else b""
        base.append((words, b"" if translation.kind_at(target) else top_of(target)))
        translation.option(words)
    group, links = list(translation.group), len(translation.skeleton.links)
    finish(translation, plan)
    if len(translation.skeleton.links) != links:  # bwrap would find what it is to make
        raise Unsupported
    tops = sorted({top_of(target) for target in group[2::3]})
    options = [word for words, top in base if top not in tops for word in words]
    place = choose_place([*group[1::3], *options, *plan.slots, *kept, plan.meta[b"bwrap"], plan.meta[b"dir"]])
    shown = [word for top in tops for word in (b"--ro-bind", place + b"/" + top, b"/" + top)]
    others = {target for target, _ in translation.mounts} - set(group[2::3])
    if any(top_of(target) in tops for target in others):  # it lies over something of the root
        return Merged(translation.skeleton, place, group, shown + options, [])
    return Merged(translation.skeleton, place, group, options, shown)
