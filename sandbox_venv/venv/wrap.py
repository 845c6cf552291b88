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
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import SandboxError
from ..state import StateDir
from . import files
from .allowed import check_allowed
from .draft import new_record, write_helpers
from .inspect import inspect_venv, is_entry, locate
from .launchers import MAX_LAUNCHER, looks_like_launcher
from .record import Found, Record, find_record, has_originals, write_record
from .shared import unshare
from .shims import place_shims
from .staging import all_entries, commit, keep_copies, make_private, set_apart, stage_all
from .tree import (
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
            record = dataclasses.replace(record, entries=all_entries(tree, items), found=found)
            keep_copies(state, tree, record, [item.name for item in items])
            set_apart(tree, items)
            stage_all(tree, record)
            write_record(state, record)
            commit(tree, record, items)
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
    keep_copies(state, tree, record, [item.name for item in items])
    set_apart(tree, items)
    stage_all(tree, record)
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
            record = dataclasses.replace(record, entries=all_entries(tree, items), found=found)
            _prepare(tree, record, old, items, state)
        except (OSError, SandboxError):
            if old is None:
                _roll_back(tree, record, made)
            raise
        commit(tree, record, items)
    finally:
        tree.close()
    return record
