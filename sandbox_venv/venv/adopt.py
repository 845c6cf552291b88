"""Taking over what an install session left in ``.venv/sandbox/bin``: a launcher for each new original, none without.

What is there was written by programs that nobody has read. Only names and kinds are looked at, by descriptor; nothing
of it is run, followed or copied to where the host would run it.
"""

from __future__ import annotations

import dataclasses
import os

from ..errors import shown
from ..state import StateDir
from . import files
from .executable import EXECUTABLE
from .inspect import list_entries
from .launchers import launcher_text
from .record import Record, find_record, write_record
from .tree import CACHE, SHELL, Say, Tree, clear_stage, is_ours, open_tree, quiet

SYSTEM = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin")
MOST_LAUNCHERS = 2048
"""With so many a session's new files get none: each takes tens of kilobytes, and a session can make any number."""

EXPECTED = ("python", "pip", "pydoc", "idle", "2to3", "wheel", "pypy")


def _hides(name: str) -> bool:
    """Tell whether an entry point hides a command of the system in an activated shell: a password prompt, say."""
    return not name.startswith(EXPECTED) and any(os.path.lexists(os.path.join(path, name)) for path in SYSTEM)


def _add(tree: Tree, record: Record, names: list[str]) -> list[str]:
    """Put launchers in place; return notes. What is in ``bin/`` by another hand is left."""
    notes = []
    for name in names:
        if files.exists(tree.bin, name):
            notes.append(f"{shown(name)} in bin/ is no launcher and hides the one of that name; wrap again to take it")
            continue
        text = launcher_text(record.interpreter, record.code, record.folder, name)
        files.stage_file(tree.stage, name, text, 0o755, record.code / EXECUTABLE)
        os.rename(name, name, src_dir_fd=tree.stage, dst_dir_fd=tree.bin)
        notes.append(f"new entry point {shown(name)}")
        if _hides(name):
            notes.append(f"entry point {shown(name)} hides the system's command of that name where the venv is active")
    return notes


def _adopt(record: Record, state: StateDir) -> list[str]:
    tree = open_tree(record.venv)
    try:
        clear_stage(tree)
        wanted = {*list_entries(tree.originals), SHELL}
        there = {name for name in os.listdir(tree.bin) if is_ours(tree.bin, name, record)}
        new = sorted(wanted - there)
        room = max(0, MOST_LAUNCHERS - len(wanted & there))
        wanted -= {*new[room:]}
        notes = _add(tree, record, new[:room])
        if new[room:]:
            notes.append(
                f"{len(new) - room} more files in bin/ (from {shown(new[room])} on) got no launcher: {MOST_LAUNCHERS} are "
                "many; to have one for each: sandbox-venv wrap"
            )
        for name in sorted(there - wanted):
            files.remove(tree.bin, name)
            notes.append(f"entry point {shown(name)} is gone")
        files.remove_tree(tree.sandbox, CACHE)
        os.fsync(tree.bin)
        os.rmdir("new", dir_fd=tree.sandbox)
    finally:
        tree.close()
    entries = tuple(sorted(wanted))
    if entries != record.entries:
        write_record(state, dataclasses.replace(record, entries=entries))
    return notes


def adopt(record: Record, state: StateDir, out: Say = quiet) -> list[str]:
    """Make the launchers in ``.venv/bin`` match the originals, after an install session.

    Args:
        record: of the wrapped venv; it is read again under the lock.
        state: the state directory.
        out: is told where another process is waited for.

    Returns:
        What changed or deserves a look, a line each.

    Raises:
        SandboxError: it can't be done; launchers that are there stay. A later call completes it.
    """
    with state.lock(record.folder, waiting=lambda: out("waiting for another sandbox-venv at work on this venv")):
        current = find_record(state, record.venv)
        if current is None or not (record.venv / "sandbox" / "bin").is_dir():
            return []
        try:
            return _adopt(current, state)
        except OSError as error:
            raise files.as_error(f"take over entry points of {str(record.venv)!r}", error) from None
