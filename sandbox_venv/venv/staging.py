"""The steps in which a wrap puts launchers into ``bin/`` and the originals apart, each by descriptor.

All that can fail for want of room comes before the first rename in ``bin/``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ..state import StateDir
from . import files
from .activate import add_block, strip_block
from .executable import EXECUTABLE
from .inspect import is_entry, is_script
from .launchers import launcher_text
from .record import Record
from .tree import FOUND, MAX_SCRIPT, SHELL, STAGE, Tree, keeps_copy, python_first


def keep_copies(state: StateDir, tree: Tree, record: Record, names: Sequence[str]) -> None:
    """Copy the files that unwrap must restore into the state."""
    folder = state.make(record.folder / FOUND)
    for name in names:
        found = record.found.get(name)
        if found is None or found.kind != "file" or not keeps_copy(name) or found.size > files.MAX_HASHED:
            continue
        if is_script(name):
            text = files.read_file(tree.bin, name, MAX_SCRIPT)
            if text is not None:
                state.write_atomic(folder / name, strip_block(text))
            continue
        fd = files.open_path(folder)
        with files.closing(fd):
            temporary = f".tmp-{name}"[:255]
            files.remove(fd, temporary)
            try:
                files.copy(tree.bin, name, fd, temporary)
                os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
            finally:
                files.remove(fd, temporary)


def set_apart(tree: Tree, items: Sequence[os.DirEntry[str]]) -> None:
    """Give every original a second name in ``sandbox/bin``. Directories can't have one: they are moved at the end."""
    for item in items:
        status = item.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and is_script(item.name):
            text = files.read_file(tree.bin, item.name, MAX_SCRIPT)
            if text is not None:
                files.stage_file(tree.stage, "script", strip_block(text), stat.S_IMODE(status.st_mode))
                os.rename("script", item.name, src_dir_fd=tree.stage, dst_dir_fd=tree.originals)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            files.put(tree.bin, item.name, tree.originals, item.name, tree.stage)


def stage_all(tree: Tree, record: Record) -> None:
    """Write every launcher and outer script to the stage: what can fail for want of room fails here."""
    for name in record.entries:
        text = launcher_text(record.interpreter, record.code, record.folder, name)
        files.stage_file(tree.stage, name, text, 0o755, record.code / EXECUTABLE)
    for name in os.listdir(tree.bin):
        text_now = files.read_file(tree.bin, name, MAX_SCRIPT) if is_script(name) else None
        if text_now is not None and name not in record.entries:
            mode = stat.S_IMODE(os.stat(name, dir_fd=tree.bin, follow_symlinks=False).st_mode)
            files.stage_file(tree.stage, name, add_block(name, strip_block(text_now), record.folder), mode)


def commit(tree: Tree, record: Record, items: Sequence[os.DirEntry[str]]) -> None:
    """Rename what was staged over what is in ``bin/``; take away what has no place there."""
    for name in sorted(os.listdir(tree.stage), key=python_first):
        os.rename(name, name, src_dir_fd=tree.stage, dst_dir_fd=tree.bin)
    for item in items:
        if item.name in record.entries or is_script(item.name):
            continue
        mode = item.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            files.remove_tree(tree.originals, item.name)
            os.rename(item.name, item.name, src_dir_fd=tree.bin, dst_dir_fd=tree.originals)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            files.remove(tree.bin, item.name)
    for fd in (tree.originals, tree.bin):
        os.fsync(fd)
    os.rmdir(STAGE, dir_fd=tree.sandbox)


def all_entries(tree: Tree, items: Sequence[os.DirEntry[str]]) -> tuple[str, ...]:
    """Return the launchers that there shall be: of what is in ``bin/`` and of what is apart already, and ``shell``."""
    names = {item.name for item in items if is_entry(item)} | {SHELL}
    with os.scandir(tree.originals) as apart:
        names |= {item.name for item in apart if is_entry(item)}
    return tuple(sorted(names))


def make_private(tree: Tree, venv: Path) -> None:
    """Make ``.venv/home`` and ``.venv/cache``."""
    for name in ("home", "cache"):
        os.close(files.open_own(tree.venv, name, venv / name, 0o700))
