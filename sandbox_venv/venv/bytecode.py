"""Byte code of installed packages, compiled at wrap and after installs: run sessions can't write it.

The host only looks which ``.pyc`` files are missing. Compiling parses what an attacker may have written, so it is
done by the venv's own Python in an install session, like an install.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .record import Record

MAX_FILES = 100_000
MAX_DEPTH = 24
TIMEOUT = 600.0
"""Seconds that compiling may take; it is only a saving, so what isn't done by then stays undone."""


def tag_of(record: Record) -> str | None:
    """Return the interpreter's ``sys.implementation.cache_tag``, None where it isn't CPython."""
    name = record.base.stdlib.name  # the executable of a free-threaded build may be named as an ordinary one
    if name.startswith("pypy"):
        return None
    free_threaded = "t" if name.endswith("t") else ""
    return f"cpython-{record.base.version[0]}{record.base.version[1]}{free_threaded}"


def find_uncompiled(folders: Sequence[Path], tag: str) -> Iterator[str]:
    """Yield the ``.py`` files below ``folders`` without byte code; bounded, no link is followed."""
    budget = MAX_FILES
    queue = [(os.fspath(folder), 0) for folder in folders]
    while queue and budget > 0:
        folder, depth = queue.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        budget -= len(entries)
        sources = [
            entry.name for entry in entries if entry.name.endswith(".py") and entry.is_file(follow_symlinks=False)
        ]
        if sources:
            try:
                there = set(os.listdir(os.path.join(folder, "__pycache__")))
            except OSError:
                there = set()
            for name in sources:
                if f"{name[:-3]}.{tag}.pyc" not in there and "\n" not in folder + name:
                    yield os.path.join(folder, name)
        if depth < MAX_DEPTH:
            queue += [
                (entry.path, depth + 1)
                for entry in entries
                if entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False)
            ]


def compile_missing(record: Record, folders: Sequence[Path]) -> int:
    """Compile what is missing in a sandbox; return how many files were missing. A failure is only a slower start."""
    tag = tag_of(record)
    if tag is None:
        return 0
    missing = list(find_uncompiled(folders, tag))
    if not missing:
        return 0
    argv = [os.fspath(record.venv / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", "-i", "-"]
    text = "\n".join(missing) + "\n"
    env = {"PATH": "/usr/bin:/bin", "HOME": os.fspath(record.home)}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            argv, input=os.fsencode(text), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env,
            cwd=record.venv, timeout=TIMEOUT, check=False,
        )  # fmt: skip
    return len(missing)
