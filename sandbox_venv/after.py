"""The host's part after a session (cold): new entry points get launchers, what appeared is said and noted."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import shown
from .launch.outside import python_main
from .state import StateDir, read_regular, write_new
from .venv.record import read_record

NOTES = "notes"
MAX_NOTES = 64 << 10
MAX_NOTE = 16 << 10
"""Bytes of all notes, beyond which the first and the last ones are kept, and characters of one."""

MOST_SAID = 8
"""Warnings that an install session's end shows at most: it could make any number."""

PATIENCE = 2.0
"""Seconds that are waited for somebody to read what is said."""


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
    said = [note for note in notes if " hides " in note or " got no launcher" in note]  # a wheel's sudo, say
    more = [f"and {len(said) - MOST_SAID} more: sandbox-venv status"] if len(said) > MOST_SAID else []
    for note in [*said[:MOST_SAID], *more]:
        tell(f"sandbox-venv: warning: {note}\n")
    if python_main(list(program[1:])) != (b"-m", b"compileall"):  # that is compile_missing itself
        info = inspect_venv(record.venv, project=record.project, record=record)
        compile_missing(record, info.site_packages)


def report_appeared(folder: bytes, paths: Sequence[bytes]) -> None:
    """Say in one line which protected names a session made, and note it for later."""
    listed = [shown(os.fsdecode(path)) for path in paths]
    names = ", ".join(listed[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    note_lines(folder, [" ".join(["the session made", *listed])])
    tell(f"sandbox-venv: warning: the session made {names}: look before a host tool obeys it\n")


def tell(text: str) -> None:
    """Write to stderr, which the session may have left full and non-blocking, or without a reader."""
    data = os.fsencode(text)
    while data:
        try:
            data = data[os.write(2, data) :]
        except BlockingIOError:
            if not select.select([], [2], [], PATIENCE)[1]:
                return
        except OSError:
            return


def note_lines(folder: bytes, lines: Sequence[str]) -> None:
    """Keep lines for `status`, each with the time; a full disk loses them, too many lose those in the middle."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    cut = [line if len(line) <= MAX_NOTE else f"{line[:MAX_NOTE]} ... and more" for line in lines]
    data = "".join(f"{stamp} {line}\n" for line in cut).encode("utf-8", "replace")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path = os.path.join(folder, NOTES.encode())
        with open(os.open(path, flags, 0o600), "ab") as file:
            file.write(data)
            size = file.tell()
        if size > MAX_NOTES:
            _shorten(Path(os.fsdecode(path)))
    except (OSError, ValueError):
        return


def _shorten(path: Path) -> None:
    """Leave out notes in the middle: sessions can have made all but the first ones, to have the last ones lost."""
    lines = read_regular(path, MAX_NOTES + (8 << 20), own=True).splitlines(keepends=True)
    first, last = list(_fitting(lines)), list(_fitting(lines[::-1]))
    temporary = path.parent / f".tmp-{os.urandom(8).hex()}"
    write_new(temporary, b"".join([*first, b"... notes were left out here\n", *last[::-1]]), 0o600)
    os.replace(temporary, path)


def _fitting(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the first lines that together take a third of what notes may take."""
    left = MAX_NOTES // 3
    for line in lines:
        left -= len(line)
        if left < 0:
            return
        yield line
