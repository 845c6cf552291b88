"""Unwrapping: what wrap found is put back, and proved by its manifest.

Interpreters and activate scripts come from trusted copies, since sessions could have changed what is apart; the rest
is moved back. As when wrapping, everything is staged first and renamed one by one, so each name in ``bin/`` is at any
time a launcher or the original; the record goes last.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from ..errors import SandboxError, shown
from ..state import StateDir
from . import files
from .activate import strip_block
from .inspect import is_script, locate
from .record import RECORD, Found, Record, find_record, has_originals
from .shims import remove_shims, shims_of
from .tree import (
    FOUND,
    MAX_SCRIPT,
    SHELL,
    Say,
    Tree,
    clear_stage,
    is_launcher,
    is_ours,
    keeps_copy,
    open_tree,
    python_first,
    quiet,
    say_stderr,
)  # fmt: skip


def _stage_trusted(tree: Tree, record: Record, name: str, found: Found) -> bool:
    """Stage a name as wrap found it, from the trusted copy; False where there is none."""
    if found.kind == "link":
        os.symlink(found.target, name, dir_fd=tree.stage)
        os.utime(name, ns=(found.mtime_ns, found.mtime_ns), dir_fd=tree.stage, follow_symlinks=False)
        return True
    try:
        folder = files.open_path(record.folder / FOUND)
    except FileNotFoundError:
        return False
    with files.closing(folder):
        if found.kind != "file" or not files.exists(folder, name):
            return False
        files.copy(folder, name, tree.stage, name)
    fd = os.open(name, files.READ, dir_fd=tree.stage)
    with files.closing(fd):
        os.fchmod(fd, found.mode)
        os.utime(fd, ns=(found.mtime_ns, found.mtime_ns))
    return True


def _stage_script(tree: Tree, record: Record, name: str) -> None:
    """Stage an activate script: as wrap found it, or, where the user has edited the outer copy, with that kept."""
    now = files.read_file(tree.bin, name, MAX_SCRIPT)
    kept = _trusted_text(record, name)
    if now is None or kept is None or strip_block(now) == kept:
        _stage_trusted(tree, record, name, record.found[name])
        return
    status = os.stat(name, dir_fd=tree.bin, follow_symlinks=False)
    files.stage_file(tree.stage, name, strip_block(now), stat.S_IMODE(status.st_mode))


def _trusted_text(record: Record, name: str) -> bytes | None:
    try:
        folder = files.open_path(record.folder / FOUND)
    except FileNotFoundError:
        return None
    with files.closing(folder):
        return files.read_file(folder, name, MAX_SCRIPT)


def _is_free(tree: Tree, record: Record, name: str) -> bool:
    """Tell whether ``bin/name`` is free to be replaced: absent, a launcher, or the original itself already."""
    status = files.lstat(tree.bin, name)
    if status is None or is_launcher(tree, name, record):
        return True
    original = files.lstat(tree.originals, name)
    return original is not None and os.path.samestat(status, original)


def _stage_all(tree: Tree, record: Record) -> None:
    """Stage everything that goes back to ``bin/``."""
    trusted = {name for name in record.found if keeps_copy(name)}
    for name in sorted(trusted):
        if is_script(name):
            _stage_script(tree, record, name)
        elif _is_free(tree, record, name):
            _stage_trusted(tree, record, name, record.found[name])
    for name in sorted(os.listdir(tree.originals)):
        status = files.lstat(tree.originals, name)
        if status is None or is_script(name) or files.exists(tree.stage, name) or not _is_free(tree, record, name):
            continue
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            files.put(tree.originals, name, tree.stage, name, tree.stage)


def _commit(tree: Tree, record: Record) -> None:
    """Rename what is staged over the launchers, interpreters last; remove launchers without an original."""
    for name in sorted(os.listdir(tree.stage), key=python_first, reverse=True):
        os.rename(name, name, src_dir_fd=tree.stage, dst_dir_fd=tree.bin)
    for name in os.listdir(tree.originals):
        status = files.lstat(tree.originals, name)
        if status and stat.S_ISDIR(status.st_mode) and not files.exists(tree.bin, name):
            os.close(files.open_folder(tree.originals, name))  # one that can't be written can't be moved
            os.rename(name, name, src_dir_fd=tree.originals, dst_dir_fd=tree.bin)
    for name in os.listdir(tree.bin):
        if is_ours(tree.bin, name, record) or (name == SHELL and is_launcher(tree, name, record)):
            files.remove(tree.bin, name)
    os.fsync(tree.bin)


def compare(tree: Tree, found: dict[str, Found]) -> list[str]:
    """Return what in ``bin/`` differs from the manifest, each as ``name (how)``."""
    differences = []
    for name in sorted({*found, *os.listdir(tree.bin)}):
        now = files.describe(tree.bin, name)
        if name not in found:
            differences.append(f"{shown(name)} (new)")
        elif now is None:
            differences.append(f"{shown(name)} (gone)")
        elif not found[name].same(now):
            differences.append(f"{shown(name)} (changed)")
    return differences


def _holds_files(folder: int, name: str) -> bool:
    """Tell whether a directory holds anything but directories, which are mount points of sessions.

    One that can't be looked through counts as if it did.
    """
    queue = [name]
    try:
        for path in queue:  # it grows while it is read
            with files.closing(fd := os.open(path, files.DIRECTORY, dir_fd=folder)):
                for item in os.listdir(fd):
                    if not stat.S_ISDIR(os.stat(item, dir_fd=fd, follow_symlinks=False).st_mode):
                        return True
                    queue.append(f"{path}/{item}")
    except OSError:
        return True
    return False


def _clean(tree: Tree, venv: Path, out: Say) -> None:
    """Remove what wrap added to the venv, but for what programs left in the private home and cache."""
    files.remove_tree(tree.venv, "sandbox")
    kept = []
    for name in ("home", "cache"):
        if not files.exists(tree.venv, name):
            continue
        if _holds_files(tree.venv, name):
            kept.append(str(venv / name))
        else:
            files.remove_tree(tree.venv, name)
    if kept:
        out(f"kept, since programs left files there: {', '.join(map(shown, kept))}")
    _drop_points(tree)


def _drop_points(tree: Tree) -> None:
    """Remove the mount points of install sessions (``plan/layout.py``, `add_completions`) where they are empty."""
    with contextlib.suppress(OSError):
        with files.closing(share := files.open_folder(tree.venv, "share")):
            os.rmdir("bash-completion", dir_fd=share)
        os.rmdir("share", dir_fd=tree.venv)


def forget(state: StateDir, folder: Path) -> None:
    """Remove a venv's directory from the state, the record first."""
    if not os.path.lexists(folder):
        return
    with files.closing(fd := files.open_path(folder)):
        files.remove(fd, RECORD)
    with files.closing(top := files.open_path(state.registry_dir)):
        files.remove_tree(top, folder.name)


def unwrap_venv(venv: Path | str, state: StateDir, out: Say = quiet) -> None:
    """Make a wrapped venv plain again, or complete that.

    Args:
        venv: its path.
        state: the state directory.
        out: is told, a line at a time, what differs from what wrap found and what is kept.

    Raises:
        SandboxError: it isn't wrapped, or can't be unwrapped: it is then still wrapped.
    """
    try:
        path = locate(venv)
    except SandboxError:
        if not _forget_gone(venv, state, out):
            raise
        return
    folder = state.venv_dir(path)
    _record(state, path)  # before the lock, which would make a directory for it
    with state.lock(folder, waiting=lambda: out("waiting for another sandbox-venv at work on this venv")):
        try:
            record = _record(state, path)
        except SandboxError:
            if not os.path.lexists(folder / RECORD):
                forget(state, folder)
            raise
        try:
            _unwrap(path, record, state, out)
        except OSError as error:
            raise files.as_error(f"unwrap {str(path)!r}", error) from None


def _record(state: StateDir, path: Path) -> Record:
    """Return the record of a venv that should be wrapped."""
    record = find_record(state, path)
    if record is not None:
        return record
    if has_originals(path):
        raise SandboxError(
            f"unwrap {str(path)!r}: the record of it in {str(state.root)!r} is lost",
            f"wrap it again, which makes a new one, then unwrap: sandbox-venv wrap {path}",
        )
    raise SandboxError(f"unwrap {str(path)!r}: it isn't wrapped", "nothing needs to be done")


def _forget_gone(venv: Path | str, state: StateDir, out: Say) -> bool:
    """Forget a venv that was removed while it was wrapped; False where there was no such."""
    path = Path(os.path.realpath(os.path.dirname(os.path.abspath(venv)))) / os.path.basename(os.path.abspath(venv))
    folder = state.venv_dir(path)
    if os.path.lexists(path) or not os.path.lexists(folder):
        return False
    forget(state, folder)
    out(f"{shown(str(path))} is gone; its record is removed")
    return True


def _unwrap(path: Path, record: Record, state: StateDir, out: Say) -> None:
    tree = open_tree(path)
    try:
        clear_stage(tree)
        remove_shims(tree, shims_of(record.options))
        try:
            _stage_all(tree, record)
        except BaseException:
            clear_stage(tree)
            raise
        _commit(tree, record)
        differences = compare(tree, record.found)
        if differences:
            out(f"differs from what wrap found in bin/: {', '.join(differences)}")
        _clean(tree, path, out)
    finally:
        tree.close()
    forget(state, record.folder)


def command(root: bytes, venv: bytes) -> None:
    """Unwrap, as ``deactivate_sandbox`` calls it through the stub in the venv's directory of the state; exits."""
    try:
        unwrap_venv(os.fsdecode(venv), StateDir(Path(os.fsdecode(root))), say_stderr)
    except SandboxError as error:
        sys.stderr.write(error.render())
        sys.exit(error.status)
    sys.exit(0)
