"""The host's part after a session; called from the hot half, lazily."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..errors import SandboxError
from ..state import StateDir
from .adopt import adopt
from .record import read_own, read_record
from .tree import say_stderr, shown

NOTES = "notes"
MAX_NOTES = 256 << 10


def state_of(folder: Path) -> StateDir:
    """Return the state directory that a plan directory (``venvs/<id>``, ``runs/<id>``) is in."""
    return StateDir(folder.parent.parent)


def add_notes(folder: Path, lines: list[str]) -> None:
    """Append to the notes of a venv; when they grow long, the older half goes."""
    if not lines:
        return
    path = folder / NOTES
    try:
        old = read_own(path, MAX_NOTES)
    except FileNotFoundError:
        old = b""
    except (OSError, ValueError):
        old = b"(earlier notes were unreadable)\n"
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    new = b"".join(os.fsencode(f"{when} {line}\n") for line in lines)
    if len(old) + len(new) > MAX_NOTES:
        old = old[len(old) // 2 :].partition(b"\n")[2]
    state_of(folder).write_atomic(path, (old + new)[-MAX_NOTES:])


def after_install(plan_dir: bytes) -> None:
    """Take over what an install session left.

    What goes wrong is said in one line, not raised: the caller ends with the program's status, whatever happens here.
    """
    folder = Path(os.fsdecode(plan_dir))
    try:
        notes = adopt(read_record(folder), state_of(folder), say_stderr)
        add_notes(folder, notes)
    except SandboxError as error:
        os.write(2, os.fsencode(error.render()))
        return
    for note in notes:
        if " hides the " in note:
            say_stderr(note)


def report_appeared(plan_dir: bytes, paths: list[bytes]) -> None:
    """Say and note that a session made files that programs on the host execute (``.git``, ``.envrc``, …)."""
    folder = Path(os.fsdecode(plan_dir))
    names = ", ".join(shown(os.fsdecode(path)) for path in paths)
    line = f"the program made what host tools run: {names}; look at it before you use it"
    say_stderr(line)
    try:
        add_notes(folder, [line])
    except SandboxError as error:
        os.write(2, os.fsencode(error.render()))
