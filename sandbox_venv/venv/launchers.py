"""The text of a launcher: what stands in ``bin/`` in an entry point's place.

A launcher is a copy of the C launcher (`executable`) where the tool has one, else a short Python stub. Either has
everything it needs written into it, absolute: the tool's own real interpreter (``-I -S``: no environment, no site), the
copy of the tool in the state directory, the directory of the plans, and the entry point's name, which never comes from
argv[0]. Whether a file is a launcher is decided by what the record implies (:func:`launcher_texts` of it, byte for
byte), never by what a file says of itself.

Where the interpreter's path can't stand in a ``#!`` line (white space, not UTF-8, longer than every kernel takes),
``/bin/sh`` runs ``exec`` first, as in pip's scripts. Where the interpreter is gone, the C launcher goes on by itself or
says so (125); a stub can't: the kernel doesn't start it, the shell says "not found" or "bad interpreter" and ends with
126 or 127. Nothing runs. ``sandbox-venv status`` and ``verify`` tell, and wrapping again mends it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..state import read_regular
from .executable import executable_text

MAX_LAUNCHER = 256 << 10
MAX_SHEBANG = 127  # BINPRM_BUF_SIZE is 128 before Linux 5.1, 256 since (include/uapi/linux/binfmts.h)

_BODY = """\
# A launcher of sandbox-venv. The program itself is apart, in ../sandbox/bin, and runs inside a sandbox.
import posix
import sys

code = {code}
for folder in {trusted}:
    try:
        status = posix.lstat(folder)
    except OSError:
        continue
    if status.st_uid != posix.geteuid() or status.st_mode & 0o77:
        sys.stderr.write("sandbox-venv: start: %s belongs to another user, or lets others in\\n" % ascii(folder))
        sys.stderr.write("hint: launchers trust what lies in it: see who wrote there, then chmod 700 it\\n")
        sys.exit(125)
sys.dont_write_bytecode = True
sys.path.insert(0, code)
try:
    import _frozen_importlib_external, marshal

    with open(code + "/hot.bin", "rb", 0) as file:
        head = file.read(16384)
        if head[:4] == _frozen_importlib_external.MAGIC_NUMBER:
            preload, table = marshal.loads(head[4:])
            names = {{}}
            exec(preload, names)
            names["install"](code, table, file.seek(0, 2))
except Exception:
    pass
try:
    from {module} import {function}
except Exception as error:
    sys.stderr.write("sandbox-venv: load launcher code: %s\\n" % error)
    sys.stderr.write("hint: wrap the venv again, as the user who runs it: sandbox-venv wrap VENV\\n")
    sys.exit(125)
{function}({arguments})
"""
_CALL = re.compile(rb"^main\((b(?:'[^\n]*?'|\"[^\n]*?\")), (b(?:'[^\n]*'|\"[^\n]*\"))\)$", re.MULTILINE)


def _exec_line(interpreter: bytes) -> bytes:
    """Return lines that are both sh, which starts the interpreter, and a Python string.

    Special characters are quoted one by one with an empty ``""`` between, so that no three quotes meet, and a
    backslash is always followed by a quote: both are what Python's string needs.
    """
    pieces = []
    for piece in re.findall(rb"[^'\"$`\\]+|['\"$`\\]", interpreter):
        if piece == b"'" or len(piece) > 1 or piece not in b'"$`\\':
            pieces.append(b'"' + piece + b'"')
        else:
            pieces.append(b"'" + piece + b"'")
    return b"'''exec' " + b'""'.join(pieces) + b' -IS "$0" "$@"\n' + b"' '''\n"


def shebang(interpreter: Path) -> bytes:
    """Return the first lines of a stub, up to where its Python starts."""
    path = os.fsencode(interpreter)
    line = b"#!" + path + b" -IS\n"
    if re.fullmatch(rb"[!-~]+", path) and len(line) <= MAX_SHEBANG:
        return line
    return b"#!/bin/sh\n# -*- coding: latin-1 -*-\n" + _exec_line(path)


def _body(code: Path, module: str, function: str, *arguments: bytes, trusted: Sequence[Path] = ()) -> str:
    return _BODY.format(
        code=ascii(str(code)),
        module=module,
        function=function,
        arguments=", ".join(map(repr, arguments)),
        trusted=ascii(list(map(str, trusted))),
    )


def stub(
    interpreter: Path, code: Path, module: str, function: str, *arguments: bytes, trusted: Sequence[Path] = ()
) -> bytes:
    """Return a stub that calls ``function`` of ``module`` in the tool's copy; ASCII but for the interpreter's path.

    It refuses to where a directory of ``trusted`` isn't this user's alone: before it imports anything from there.
    """
    return shebang(interpreter) + _body(code, module, function, *arguments, trusted=trusted).encode("ascii")


def launcher_texts(interpreter: Path, code: Path, folder: Path, name: str) -> list[bytes]:
    """Return what the launcher of the entry point ``name`` may be, the best first: the C launcher, a Python stub."""
    place = os.fsencode(folder)
    call = "sandbox_venv.launch.main", "main", place, os.fsencode(name)
    trusted = folder.parent.parent, folder
    resume = _body(code, "sandbox_venv.launch.resume", "main", place, trusted=trusted)
    compiled = executable_text(interpreter, code, folder, name, _body(code, *call, trusted=trusted), resume)
    return [*([compiled] if compiled else []), stub(interpreter, code, *call, trusted=trusted)]


def launcher_text(interpreter: Path, code: Path, folder: Path, name: str) -> bytes:
    """Return the launcher of the entry point ``name``, with plans in ``folder``."""
    return launcher_texts(interpreter, code, folder, name)[0]


def looks_like_launcher(data: bytes) -> bool:
    """Tell whether some tool of this kind wrote ``data``. A guess: nothing is trusted for it.

    It must hold for the launchers of every release: wrapping again with a newer one tells them from originals by it.
    """
    return _CALL.search(data) is not None and b"sandbox_venv.launch.main" in data


def named_in(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the plan directory and the name that a launcher has written into it, None where it is none."""
    match = _CALL.search(data)
    if match is None or not looks_like_launcher(data):
        return None
    import ast

    try:
        folder, name = ast.literal_eval(match[1].decode("ascii")), ast.literal_eval(match[2].decode("ascii"))
    except (ValueError, SyntaxError):
        return None
    return folder, name


def read_launcher(path: Path) -> tuple[bytes, bytes] | None:
    """Return the plan directory and the name that the file at ``path`` has written into it, None where none.

    For people's eyes (doctor) only: a file can say anything.
    """
    try:
        return named_in(read_regular(path, MAX_LAUNCHER))
    except (OSError, ValueError):
        return None
