"""The C launcher as it stands in ``bin/``: a copy of the executable in the tool's code, with what it needs written in.

The executable (``native/``) is part of the tool's copy where the tool was built with a C compiler. It has room for the
directory of the plans, the interpreter and the code of the Python launcher, which serves whatever the C launcher
doesn't, and the entry point's name. What doesn't fit there gets the Python stub.
"""

from __future__ import annotations

import os
from pathlib import Path

EXECUTABLE = "sandbox_venv/launch/launcher"
MAGIC = b"SANDBOX-VENV-TRAILER\r\n\0"
ROOM = 8192
"""As in ``native/trailer.h``, the magic included."""

_RESTORE_ARGV = "import sys\nsys.argv[:2] = sys.argv[1:2]\n"


def read_executable(code: Path) -> bytes | None:
    """Return the executable in a copy of the tool, None where there is none or one without room for one start."""
    try:
        data = (code / EXECUTABLE).read_bytes()
    except OSError:
        return None
    at = data.find(MAGIC + b"\0")
    if not data.startswith(b"\x7fELF") or at < 0 or data[at + len(MAGIC) : at + ROOM].strip(b"\0"):
        return None
    return data


def fill(data: bytes, *fields: bytes) -> bytes | None:
    """Return the executable with the fields written in; None where they don't fit."""
    at = data.index(MAGIC) + len(MAGIC)
    text = b"".join(field + b"\0" for field in fields)
    if len(text) >= ROOM - len(MAGIC) or any(not field or b"\0" in field for field in fields):
        return None
    return data[:at] + text + data[at + len(text) :]


def executable_text(interpreter: Path, code: Path, folder: Path, name: str, start: str, resume: str) -> bytes | None:
    """Return the C launcher of an entry point, None where there can be none.

    Args:
        interpreter: the tool's own.
        code: the copy of the tool.
        folder: where the plans are.
        name: the entry point's.
        start: the Python launcher's code.
        resume: the code that Python runs for it after a session.
    """
    data = read_executable(code)
    if data is None:
        return None
    codes = (_RESTORE_ARGV + start).encode("ascii"), resume.encode("ascii")
    return fill(data, os.fsencode(folder), os.fsencode(interpreter), *codes, os.fsencode(name))
