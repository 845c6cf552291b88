"""The directories that wrapping, unwrapping and taking over work in, and whose each file there is."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import files
from .activate import strip_block
from .base import NAME
from .inspect import is_script
from .launchers import MAX_LAUNCHER, launcher_texts, named_in
from .record import Found, Record

MAX_SCRIPT = 1 << 20
SHELL = "shell"
FOUND = "found"
STAGE = "new"
CACHE = "sandbox-venv.cache"

Say = Callable[[str], None]


def quiet(line: str) -> None:
    """Say nothing."""


def say_stderr(line: str) -> None:
    """Say a line on stderr, whatever bytes are in it."""
    with contextlib.suppress(OSError):
        os.write(2, os.fsencode(f"sandbox-venv: {line}\n"))


@dataclass(frozen=True, slots=True)
class Tree:
    """Descriptors of the directories that wrapping works in.

    Attributes:
        venv: ``.venv``.
        bin: ``.venv/bin``.
        sandbox: ``.venv/sandbox``.
        originals: ``.venv/sandbox/bin``.
        stage: ``.venv/sandbox/new``, ours alone, hidden from every session.
    """

    venv: int
    bin: int
    sandbox: int
    originals: int
    stage: int

    def close(self) -> None:
        """Close them all."""
        for fd in (self.venv, self.bin, self.sandbox, self.originals, self.stage):
            os.close(fd)


def open_tree(venv: Path) -> Tree:
    """Open the directories, make those of ours that are missing, with nothing followed that could be planted."""
    with contextlib.ExitStack() as stack:

        def opened(fd: int) -> int:
            stack.callback(os.close, fd)
            return fd

        top = opened(files.open_own(opened(files.open_path(venv.parent)), venv.name, venv))
        bin_fd = opened(files.open_own(top, "bin", venv / "bin"))
        fresh = not files.exists(top, "sandbox")
        try:
            sandbox = opened(files.open_own(top, "sandbox", venv / "sandbox", 0o755))
            originals = opened(files.open_own(sandbox, "bin", venv / "sandbox" / "bin", 0o755))
            stage = opened(files.open_own(sandbox, STAGE, venv / "sandbox" / STAGE, 0o700))
        except OSError:
            if fresh:
                files.remove_tree(top, "sandbox")
            raise
        return Tree(*(os.dup(fd) for fd in (top, bin_fd, sandbox, originals, stage)))


def clear_stage(tree: Tree) -> None:
    """Empty the stage: a broken-off run may have left something."""
    for name in os.listdir(tree.stage):
        files.remove_tree(tree.stage, name)


def expected_launchers(record: Record, name: str) -> tuple[bytes, ...]:
    """Return what the launcher of ``name`` may look like: as the record says, or as a broken-off wrap left it."""
    pairs = [(os.fspath(record.code), os.fspath(record.interpreter)), *record.earlier]
    return tuple(
        text
        for code, interpreter in pairs
        for text in launcher_texts(Path(interpreter), Path(code), record.folder, name)
    )


def is_ours(bin_fd: int, name: str, record: Record) -> bool:
    """Tell whether ``bin/name`` is, byte for byte, a launcher that the record implies."""
    data = files.read_file(bin_fd, name, MAX_LAUNCHER)
    return data is not None and data in expected_launchers(record, name)


def is_launcher(tree: Tree, name: str, record: Record | None) -> bool:
    """Tell whether ``bin/name`` stands for an original that is apart.

    Another release writes other launchers, and without the record, or the copy of the tool that they were made from, it
    can't be said how they look. So the file's own word counts if it names this venv and has an original apart: only to
    choose which of two untrusted files is the original, and both run sandboxed.
    """
    if record is not None and is_ours(tree.bin, name, record):
        return True
    named = named_in(files.read_file(tree.bin, name, MAX_LAUNCHER) or b"")
    if named is None or named[1] != os.fsencode(name) or (record is not None and named[0] != bytes(record.folder)):
        return False
    return name == SHELL or files.exists(tree.originals, name)


def keeps_copy(name: str) -> bool:
    """Tell whether unwrap restores a name from a trusted copy, not from what sessions could write."""
    return is_script(name) or NAME.match(name) is not None or name in ("python", "python3", "pypy", "pypy3")


def python_first(name: str) -> tuple[bool, str]:
    """Sort key: interpreters first."""
    return NAME.match(name) is None and not name.startswith(("python", "pypy")), name


def describe_own(bin_fd: int, name: str) -> Found | None:
    """Describe a thing in ``bin/``, an activate script without our block."""
    found = files.describe(bin_fd, name)
    if found is None or found.kind != "file" or not is_script(name):
        return found
    text = files.read_file(bin_fd, name, MAX_SCRIPT)
    if text is None:
        return found
    own = strip_block(text)
    return dataclasses.replace(found, size=len(own), sha256=hashlib.sha256(own).hexdigest())
