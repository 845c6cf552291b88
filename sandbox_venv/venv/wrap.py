"""Wrapping: originals go to ``.venv/sandbox/bin``, launchers come to ``.venv/bin``.

The order makes a kill at any point harmless: the record first; then every original gets a second name in
``sandbox/bin`` and every launcher is written out of the way; then launchers are renamed over the originals one by
one. So each name in ``bin/`` is at any time the original or its launcher, and each launcher that is there finds all
originals. Wrapping or unwrapping again completes what was broken off.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import SandboxError
from ..state import StateDir
from . import files
from .activate import add_block, strip_block
from .allowed import check_allowed
from .draft import new_record, write_helpers
from .executable import EXECUTABLE
from .inspect import inspect_venv, is_entry, is_script, locate
from .launchers import MAX_LAUNCHER, launcher_text, looks_like_launcher
from .record import Found, Record, find_record, has_originals, write_record
from .shared import unshare
from .shims import place_shims
from .tree import (
    FOUND,
    MAX_SCRIPT,
    SHELL,
    STAGE,
    Say,
    Tree,
    clear_stage,
    describe_own,
    is_launcher,
    is_ours,
    keeps_copy,
    open_tree,
    python_first,
    quiet,
)  # fmt: skip


def _originals_in_bin(tree: Tree, old: Record | None) -> list[os.DirEntry[str]]:
    """Return what in ``bin/`` isn't a launcher of ours."""
    with os.scandir(tree.bin) as items:
        found = sorted(items, key=lambda item: item.name)
    return [item for item in found if not is_launcher(tree, item.name, old)]


def _manifest(tree: Tree, names: Sequence[str], old: Record | None) -> dict[str, Found]:
    """Return what wrap found: what it had found before, and what is in ``bin/`` now that isn't ours."""
    found = dict(old.found) if old is not None else {}
    for name in names:
        thing = describe_own(tree.bin, name)
        if thing is not None and not thing.same(found.get(name)):
            found[name] = thing  # the time of what is the same was there first
    if old is None:  # after a lost record, what is apart is what was found
        for name in os.listdir(tree.originals):
            thing = None if name in found else files.describe(tree.originals, name)
            if thing is not None:
                found[name] = thing
    return found


def _check_originals(tree: Tree, items: Sequence[os.DirEntry[str]], path: Path, made: Sequence[str]) -> None:
    """Refuse an interpreter that is a launcher without its original, of another state directory say.

    Any other file may look like a launcher as it pleases: it is wrapped like all.

    Raises:
        SandboxError: there is one.
    """
    for item in items:
        if item.name not in ("python", "python3"):
            continue
        data = files.read_file(tree.bin, item.name, MAX_LAUNCHER)
        if data is not None and looks_like_launcher(data) and not files.exists(tree.originals, item.name):
            if "sandbox" in made:
                files.remove_tree(tree.venv, "sandbox")
            raise SandboxError(
                f"wrap {str(path)!r}: bin/{item.name} is a launcher, and its original in sandbox/bin is gone",
                f"make the venv anew: python3 -m venv --clear {path}",
            )


def _stale(tree: Tree, old: Record) -> Record:
    """Return the record of a venv without ``sandbox``: it was made anew, and only the options count.

    Raises:
        SandboxError: launchers are there, so ``sandbox`` was removed from a wrapped venv.
    """
    if any(is_ours(tree.bin, name, old) for name in os.listdir(tree.bin)):
        files.remove_tree(tree.venv, "sandbox")
        raise SandboxError(
            f"wrap {str(old.venv)!r}: the originals of its entry points, in sandbox/bin, are gone",
            f"put the interpreters back: sandbox-venv unwrap {old.venv}; then install the rest again, and wrap",
        )
    return dataclasses.replace(old, found={})


def _keep_copies(state: StateDir, tree: Tree, record: Record, names: Sequence[str]) -> None:
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


def _set_apart(tree: Tree, items: Sequence[os.DirEntry[str]]) -> None:
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


def _stage_all(tree: Tree, record: Record) -> None:
    """Write every launcher and outer script to the stage: what can fail for want of room fails here."""
    for name in record.entries:
        text = launcher_text(record.interpreter, record.code, record.folder, name)
        files.stage_file(tree.stage, name, text, 0o755, record.code / EXECUTABLE)
    for name in os.listdir(tree.bin):
        text_now = files.read_file(tree.bin, name, MAX_SCRIPT) if is_script(name) else None
        if text_now is not None and name not in record.entries:
            mode = stat.S_IMODE(os.stat(name, dir_fd=tree.bin, follow_symlinks=False).st_mode)
            files.stage_file(tree.stage, name, add_block(name, strip_block(text_now), record.folder), mode)


def _commit(tree: Tree, record: Record, items: Sequence[os.DirEntry[str]]) -> None:
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


def _entries(tree: Tree, items: Sequence[os.DirEntry[str]]) -> tuple[str, ...]:
    """Return the launchers that there shall be: of what is in ``bin/`` and of what is apart already, and ``shell``."""
    names = {item.name for item in items if is_entry(item)} | {SHELL}
    with os.scandir(tree.originals) as apart:
        names |= {item.name for item in apart if is_entry(item)}
    return tuple(sorted(names))


def make_private(tree: Tree, venv: Path) -> None:
    """Make ``.venv/home`` and ``.venv/cache``."""
    for name in ("home", "cache"):
        os.close(files.open_own(tree.venv, name, venv / name, 0o700))


def wrap_venv(
    venv: Path | str,
    *,
    options: Sequence[bytes] | None = None,
    backend: str | None = None,
    project: Path | None = None,
    state: StateDir,
    out: Say = quiet,
) -> Record:
    """Wrap a venv, or complete or refresh an earlier wrap.

    Args:
        venv: its path.
        options: bubblewrap options; None keeps the earlier ones.
        backend: ``auto``, ``bwrap`` or ``native``; None keeps the earlier one.
        project: the project directory; None keeps the earlier one, by default the venv's parent.
        state: the state directory.
        out: is told, a line at a time, what deserves to be said.

    Raises:
        SandboxError: it can't be wrapped; what was plain is plain, what was sandboxed is sandboxed.
    """
    path = locate(venv)
    folder = state.venv_dir(path)
    with state.lock(folder, waiting=lambda: out("waiting for another sandbox-venv at work on this venv")):
        try:
            return _wrap(path, options, backend, project, state, out)
        except OSError as error:
            raise files.as_error(f"wrap {str(path)!r}", error) from None


def take_in(record: Record, state: StateDir, waiting: Callable[[], None] | None = None) -> list[str]:
    """Wrap what a tool outside put into ``bin/`` of a wrapped venv, forget what it removed; return the names.

    Args:
        record: of the venv; it is read again under the lock.
        state: the state directory.
        waiting: called once where another process is waited for.

    Raises:
        SandboxError: it can't be done.
    """
    with state.lock(record.folder, waiting=waiting):
        current = find_record(state, record.venv)
        if current is None or not has_originals(record.venv):
            return []
        try:
            return _take_in(current, state)
        except OSError as error:
            raise files.as_error(f"wrap what is new in {str(record.venv / 'bin')!r}", error) from None


def unshare_venv(record: Record, state: StateDir, waiting: Callable[[], None], say: Say) -> None:
    """Make files of a wrapped venv its own that are hard links to files elsewhere (``shared``): before an install.

    Raises:
        SandboxError: it can't be done.
    """
    with state.lock(record.folder, waiting=waiting):
        tree = open_tree(record.venv)
        try:
            clear_stage(tree)
            unshare(tree, say)
            os.rmdir(STAGE, dir_fd=tree.sandbox)
        except OSError as error:
            raise files.as_error(f"copy shared files of {str(record.venv)!r}", error) from None
        finally:
            tree.close()


def _take_in(record: Record, state: StateDir) -> list[str]:
    tree = open_tree(record.venv)
    try:
        clear_stage(tree)
        there = set(os.listdir(tree.bin))
        items = [item for item in _originals_in_bin(tree, record) if is_entry(item)]
        gone = [name for name in record.entries if name not in there and name != SHELL and not keeps_copy(name)]
        if items or gone:
            for name in gone:
                files.remove(tree.originals, name)
            found = _manifest(tree, [item.name for item in items], record)
            found = {name: thing for name, thing in found.items() if name not in gone}
            record = dataclasses.replace(record, entries=_entries(tree, items), found=found)
            _keep_copies(state, tree, record, [item.name for item in items])
            _set_apart(tree, items)
            _stage_all(tree, record)
            write_record(state, record)
            _commit(tree, record, items)
        else:
            os.rmdir(STAGE, dir_fd=tree.sandbox)
    finally:
        tree.close()
    return sorted(item.name for item in items)


def _roll_back(tree: Tree, record: Record, made: Sequence[str]) -> None:
    """Undo what a first wrap did before it changed any entry point: the disk was full, say."""
    if "sandbox" in made:
        files.remove_tree(tree.venv, "sandbox")
    else:
        files.remove_tree(tree.sandbox, STAGE)
    for name in {"home", "cache"} & {*made}:
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=tree.venv)
    with files.closing(top := files.open_path(record.folder.parent)):
        files.remove_tree(top, record.folder.name)


def _prepare(
    tree: Tree, record: Record, old: Record | None, items: Sequence[os.DirEntry[str]], state: StateDir
) -> None:
    """Do all that can fail before an entry point changes."""
    if old is None:
        write_record(state, record)
    make_private(tree, record.venv)
    write_helpers(state, record)
    _keep_copies(state, tree, record, [item.name for item in items])
    _set_apart(tree, items)
    _stage_all(tree, record)
    if old is not None:
        write_record(state, record)


def _wrap(
    path: Path, options: Sequence[bytes] | None, backend: str | None, project: Path | None,
    state: StateDir, out: Say,
) -> Record:  # fmt: skip
    def damaged(error: SandboxError) -> None:
        out(f"{error.message}: earlier options are lost")

    old = find_record(state, path, damaged)
    if project is None and old is not None:
        project = old.project
    project = Path(os.path.realpath(project)) if project else path.parent
    info = inspect_venv(path, project=project, record=old if old and has_originals(path) else None)
    check_allowed(path, project, state)
    record = new_record(info, old, state, options, backend)
    made = [name for name in ("sandbox", "home", "cache") if not os.path.lexists(path / name)]
    tree = open_tree(path)
    try:
        clear_stage(tree)
        items = _originals_in_bin(tree, old)
        if old is not None and "sandbox" in made:
            old = _stale(tree, old)
        _check_originals(tree, items, path, made)
        found = _manifest(tree, [item.name for item in items], old)
        try:
            place_shims(tree, record, old)
            record = dataclasses.replace(record, entries=_entries(tree, items), found=found)
            _prepare(tree, record, old, items, state)
        except (OSError, SandboxError):
            if old is None:
                _roll_back(tree, record, made)
            raise
        _commit(tree, record, items)
    finally:
        tree.close()
    return record
