"""Whether a wrapped venv is as wrap left it: launchers, originals, and what they need."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..venv import files
from ..venv.inspect import is_script, list_entries
from ..venv.record import Record
from ..venv.tree import SHELL, is_ours


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that isn't as wrap left it.

    Attributes:
        what: a path.
        problem: in a few words.
        unsafe: it starts outside of the sandbox.
    """

    what: str
    problem: str
    unsafe: bool = False


def find_drift(record: Record) -> list[Drift]:
    """Return what isn't as wrap left it; nothing is changed."""
    if not os.path.isdir(record.venv):
        return [Drift(str(record.venv), "the venv is gone")]
    found = [
        Drift(str(path), f"{what} is gone: entry points don't start, or not all of them")
        for what, path in (("the tool's interpreter", record.interpreter), ("the tool's copy", record.code))
        if not path.exists()
    ]
    found += [
        Drift(str(record.folder / name), "is gone; repair writes it again")
        for name in ("passwd", "group")
        if not (record.folder / name).exists()
    ]
    try:
        bin_fd = files.open_path(record.venv / "bin")
    except OSError as error:
        return [*found, Drift(str(record.venv / "bin"), error.strerror or "can't be opened")]
    with files.closing(bin_fd):
        found += _launchers(record, bin_fd)
    return found


def _launchers(record: Record, bin_fd: int) -> list[Drift]:
    folder = record.venv / "bin"
    there = set(os.listdir(bin_fd))
    try:
        originals = files.open_path(record.venv / "sandbox" / "bin")
    except OSError:
        return [Drift(str(record.venv / "sandbox" / "bin"), "the original entry points are gone")]
    with files.closing(originals):
        apart = set(list_entries(originals))
    missing = sorted({*record.entries, *apart} - there)
    found = [Drift(str(folder / name), "the launcher is gone") for name in missing]
    for name in sorted(there):
        if is_ours(bin_fd, name, record):
            if name != SHELL and name not in apart:
                found.append(Drift(str(folder / name), "a launcher without its original"))
        elif is_script(name):
            continue
        elif name in record.entries:
            found.append(Drift(str(folder / name), "isn't wrap's launcher: it starts unsandboxed", unsafe=True))
        elif os.access(folder / name, os.X_OK) and not (folder / name).is_dir():
            found.append(Drift(str(folder / name), "came by another way: it starts unsandboxed", unsafe=True))
    return found
