"""Compile the plan that a launcher asks for and store it: one compiler at a time, the others use its result."""

from __future__ import annotations

import os
from pathlib import Path

from ..elf import FactsCache
from ..errors import SandboxError
from ..launch import planfile
from ..launch.choose import plan_path
from ..state import NOTHING, StateDir, read_regular
from ..venv.accounts import group_text, passwd_text
from ..venv.record import Record, read_record
from . import bundle
from .build import base_of, prepare
from .compile import Compiled
from .progress import Progress, say_waiting
from .protected import remember
from .roots import drop_unused, prepare_records


def store(record: Record, state: StateDir, path: Path, compiled: Compiled) -> None:
    """Write a compiled plan, with what is mounted over the user database and, for bwrap, init's code."""
    beside = {record.folder / "passwd": passwd_text(record.home), record.folder / "group": group_text()}
    if compiled.plan.meta[b"backend"] == b"bwrap":
        beside[bundle.bundle_path(record.folder)] = bundle.init_code(base_of(record))
    for file, data in beside.items():
        if not is_own(file, data):
            state.write_atomic(file, data)
        name = os.fsencode(file)
        compiled.plan.stamps += [name, planfile.stamp(name)]  # damaged or replaced, it makes the plan stale
    state.make(record.folder / NOTHING)
    prepare_records(compiled.plan, record.folder, state)
    remember(record.folder, compiled.protected, state)
    state.write_atomic(path, planfile.encode(compiled.plan.sections()))
    if compiled.plan.records:
        drop_unused(record.folder, compiled.plan)


def is_own(path: Path, data: bytes) -> bool:
    """Tell whether a file of the state is there, nobody else's, and holds ``data``."""
    try:
        return read_regular(path, len(data), own=True) == data
    except (OSError, ValueError):
        return False


def read_fresh(path: bytes, folder: bytes, kind: bytes, variant: bytes) -> planfile.Plan | None:
    """Return the stored plan where it is the right one and fresh."""
    try:
        plan = planfile.read(path)
    except planfile.PlanError:
        return None
    expected = [folder, kind, variant]
    if [plan.meta.get(name) for name in (b"dir", b"kind", b"variant")] != expected or not planfile.is_fresh(plan):
        return None
    return plan


def why_compile(path: bytes) -> str:
    """Return in words why the plan at ``path`` isn't used as it is."""
    try:
        plan = planfile.read(path)
    except planfile.PlanError:
        return "no plan yet"
    for name, old in zip(plan.stamps[::2], plan.stamps[1::2], strict=True):
        if planfile.stamp(name) != old:
            return f"{os.fsdecode(name)} changed"
    return "of another place or version"


def compile_stored(folder: bytes, kind: bytes, variant: bytes) -> planfile.Plan:
    """Compile the plan of the record in ``folder``, store it and return it; one compiler at a time.

    Raises:
        SandboxError: it can't be compiled.
    """
    place = Path(os.fsdecode(folder))
    state = StateDir(place.parent.parent)
    path = plan_path(folder, kind, variant)
    read_record(place)  # before the lock: a state directory that is gone is not made anew
    with Progress(why_compile(path)), state.lock(place, waiting=say_waiting):
        plan = read_fresh(path, folder, kind, variant)
        if plan is not None:
            return plan
        record = read_record(place)
        if os.environb.get(b"VERBOSE") or os.environb.get(b"verbose"):
            os.write(2, b"sandbox-venv/wrapper: Caching dependencies ...\n")
        with FactsCache(state.root / "facts") as facts:
            subject, compiled = prepare(record, state, kind.decode(), variant, facts)
        store(record, state, Path(os.fsdecode(path)), compiled)
        if subject.wrapped and subject.venv:
            leave_marker(subject.venv, path)
        drop_old_variants(place)
        return compiled.plan


def drop_records(path: bytes) -> bool:
    """Have the plan at ``path`` be started by its options, until it is compiled anew; tell whether it had records."""
    place = Path(os.fsdecode(path))
    state = StateDir(place.parents[2])
    try:
        with state.lock(place.parent):
            plan = planfile.read(path)
            had = bool(plan.records)
            plan.records = []
            state.write_atomic(place, planfile.encode(plan.sections()))
    except (planfile.PlanError, SandboxError, OSError):
        return False
    return had


def leave_marker(venv: str, path: bytes) -> None:
    """Leave the seed tool's cache file's name behind: a note for people, never read."""
    text = b"The compiled plan of this sandbox is " + path + b"\n"
    try:
        folder = os.open(os.path.join(venv, "sandbox"), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open("sandbox-venv.cache", flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(text)
    except OSError:
        pass
    finally:
        os.close(folder)


def drop_old_variants(place: Path, most: int = 32) -> None:
    """Remove the oldest plans of single calls, so that they don't pile up."""
    plans = sorted(place.glob("*-*.plan"), key=lambda path: path.stat().st_mtime_ns)
    for path in plans[: max(0, len(plans) - most)]:
        path.unlink(missing_ok=True)
