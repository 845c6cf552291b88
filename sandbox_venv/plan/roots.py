"""The ready-made root of sandboxes: directories, mount points and links, on disk.

Below ``roots/`` beside the plan, named after what it holds and never changed once it is made: plans that want the same
one share it, and a plan that is compiled anew most often finds it there (a hundred new inodes can take a hundred
milliseconds). A session mounts it read-only as its root. Its waiter holds a shared lock on it all the time: removing a
mount point would tear the mount out of a live sandbox.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from pathlib import Path

from ..launch.planfile import Plan, PlanError, read
from ..state import StateDir
from . import bwrap_records
from .records import translate
from .skeleton import Skeleton


def build(folder: Path, skeleton: Skeleton) -> None:
    """Make what ``skeleton`` says in the empty directory ``folder``."""
    top = os.fsencode(folder) + b"/"
    for path in sorted(skeleton.folders):
        os.mkdir(top + path, 0o755)
    for path in skeleton.files:
        os.close(os.open(top + path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o444))
    for path, target in skeleton.links.items():
        os.symlink(target, top + path)


def name_of(skeleton: Skeleton) -> str:
    """Return the name that a skeleton has on disk: 16 hex digits over all that is in it."""
    total = hashlib.sha256()
    for table in (skeleton.folders, skeleton.files, skeleton.links):
        total.update(b"%d\0" % len(table) + b"".join(path + b"\0" for path in sorted(table)))
    total.update(b"".join(target + b"\0" for _, target in sorted(skeleton.links.items())))
    return total.hexdigest()[:16]


def is_whole(folder: Path, skeleton: Skeleton) -> bool:
    """Tell whether all that ``skeleton`` says is in ``folder``."""
    top = os.fsencode(folder) + b"/"
    kinds = ((skeleton.folders, stat.S_ISDIR), (skeleton.files, stat.S_ISREG), (skeleton.links, stat.S_ISLNK))
    try:
        return all(is_kind(os.lstat(top + path).st_mode) for table, is_kind in kinds for path in table)
    except OSError:
        return False


def prepare_records(plan: Plan, folder: Path, state: StateDir) -> None:
    """Give a plan its records, with its skeleton in ``folder``; or none, where the C launcher can't start it."""
    translated = translate(plan) or bwrap_records.translate(plan)  # each serves one backend
    plan.records, skeleton = translated or ([], None)
    if skeleton is None:
        return
    place = provide(skeleton, state.make(folder / "roots"))
    if place:
        plan.records[1 if plan.records[0] == b"/" else 4] = os.fsencode(place)
    else:
        plan.records, _ = bwrap_records.translate(plan, may_merge=False) or ([], None)


def provide(skeleton: Skeleton, roots: Path) -> Path | None:
    """Return where below ``roots`` a skeleton is, made if need be; None where there is no room, say."""
    place = roots / name_of(skeleton)
    if not is_whole(place, skeleton):
        made = roots / f"{place.name}-{os.urandom(8).hex()}"
        umask = os.umask(0o022)
        try:
            os.mkdir(made, 0o755)
            build(made, skeleton)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            return None
        finally:
            os.umask(umask)
        try:
            made.rename(place)
        except OSError:  # a damaged one, which a session may be using
            place = made
    return place


def skeletons_of(plan: Plan) -> set[bytes]:
    """Return the skeleton that a plan's records name, if any."""
    return {first for what, first in zip(plan.records[:6:3], plan.records[1:6:3], strict=False) if what == b"/"}


def _used_by_plans(folder: Path) -> set[bytes]:
    """Return the skeletons that the stored plans in ``folder`` name."""
    used = set()
    for path in folder.glob("*.plan"):
        try:
            used |= skeletons_of(read(os.fsencode(path)))
        except PlanError:
            continue
    return used


def drop_unused(folder: Path, plan: Plan) -> None:
    """Remove the skeletons in ``folder`` that neither ``plan`` nor a stored plan names, nor a session is using."""
    try:
        own = skeletons_of(plan)
        items = [item for item in os.scandir(folder / "roots") if os.fsencode(item.path) not in own]
    except OSError:
        return
    used = _used_by_plans(folder) if items else set()
    for item in items:
        if os.fsencode(item.path) in used:
            continue
        try:
            fd = os.open(item.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(item.path, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(fd)
