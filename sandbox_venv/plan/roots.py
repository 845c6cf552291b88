"""The ready-made root of sandboxes that the C launcher starts: directories, mount points and links, on disk.

One a plan, below ``roots/`` beside it, never changed once it is made. A session mounts it read-only as its root. Its
waiter holds a shared lock on it all the time: removing a mount point would tear the mount out of a live sandbox.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from ..launch.planfile import Plan
from ..state import StateDir
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


def prepare_records(plan: Plan, folder: Path, state: StateDir) -> None:
    """Give a plan its records, with a new skeleton in ``folder``; or none, where the C launcher can't start it."""
    plan.records = []
    translated = translate(plan)
    if translated is None:
        return
    records, skeleton = translated
    roots = state.make(folder / "roots")
    place = roots / os.urandom(8).hex()
    umask = os.umask(0o022)
    try:
        os.mkdir(place, 0o755)
        build(place, skeleton)
    except OSError:  # no room, say: Python starts it without one
        shutil.rmtree(place, ignore_errors=True)
        return
    finally:
        os.umask(umask)
    plan.records = [records[0], os.fsencode(place), *records[2:]]


def drop_unused(folder: Path, plan: Plan) -> None:
    """Remove the skeletons in ``folder`` but the plan's own, and but those that a session is using."""
    used = plan.records[1] if plan.records else b""
    try:
        items = list(os.scandir(folder / "roots"))
    except OSError:
        return
    for item in items:
        if os.fsencode(item.path) == used:
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
