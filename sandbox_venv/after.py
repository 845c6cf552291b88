"""The host's part after a session (cold): new entry points get launchers, what appeared is said and noted."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import shown
from .launch.outside import python_main
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
    notes = adopt(record, state, lambda _: None)
    note_lines(folder, notes)
    for note in notes:
        if " hides " in note:  # a wheel's sudo, say, in an activated venv
            os.write(2, os.fsencode(f"sandbox-venv: warning: {note}\n"))
    if python_main(list(program[1:])) != (b"-m", b"compileall"):  # that is compile_missing itself
        info = inspect_venv(record.venv, project=record.project, record=record)
        compile_missing(record, info.site_packages)


def report_appeared(folder: bytes, paths: Sequence[bytes]) -> None:
    """Say in one line which protected names a session made, and note it for later."""
    listed = [shown(os.fsdecode(path)) for path in paths]
    names = ", ".join(listed[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    line = f"sandbox-venv: warning: the session made {names}: look before a host tool obeys it\n"
    os.write(2, os.fsencode(line))
    note_lines(folder, [" ".join(["the session made", *listed])])


def note_lines(folder: bytes, lines: Sequence[str]) -> None:
    """Keep lines for `status`, each with the time; a full disk or a full file loses them."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    data = "".join(f"{stamp} {line}\n" for line in lines).encode("utf-8", "replace")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(os.path.join(folder, NOTES.encode()), flags, 0o600), "ab") as file:
            if data and file.tell() < MAX_NOTES:
                file.write(data)
    except OSError:
        return
