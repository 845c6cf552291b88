"""The host's part after a session (cold): new entry points get launchers, what appeared is said and noted."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from .state import StateDir
from .venv.record import read_record

NOTES = "notes"
MAX_NOTES = 64 << 10


def after_install(folder: bytes, program: Sequence[bytes]) -> None:
    """Make the launchers match the originals after an install session, and have what it brought compiled."""
    from .venv.adopt import adopt
    from .venv.bytecode import compile_missing
    from .venv.inspect import inspect_venv

    place = Path(os.fsdecode(folder))
    state = StateDir(place.parents[1])
    record = read_record(place)
    adopt(record, state, lambda _: None)
    if list(program[1:3]) != [b"-m", b"compileall"]:  # that is compile_missing itself
        info = inspect_venv(record.venv, project=record.project, record=record)
        compile_missing(record, info.site_packages)


def shown(path: bytes) -> str:
    """Return a path for a terminal: what a session named can hold escape sequences."""
    text = os.fsdecode(path)
    return text if text.isprintable() else ascii(text)


def report_appeared(folder: bytes, paths: Sequence[bytes]) -> None:
    """Say in one line which protected names a session made, and note it for later."""
    names = ", ".join(shown(path) for path in paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    line = f"sandbox-venv: warning: the session made {names}: look before a host tool obeys it\n"
    os.write(2, os.fsencode(line))
    note = time.strftime("%Y-%m-%d %H:%M:%S ").encode() + b" ".join(
        shown(path).encode("utf-8", "replace") for path in paths
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(os.path.join(folder, NOTES.encode()), flags, 0o600)
    except OSError:
        return
    with open(fd, "ab") as file:
        if file.tell() < MAX_NOTES:
            file.write(note + b"\n")
