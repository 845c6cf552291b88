"""The outer copies of the activate scripts: what was there, and ``deactivate_sandbox``.

The block is added at the end, between marks, so that what was there can be had back byte for byte. It calls one
executable stub in the state directory by its absolute path: nothing is looked up on PATH.
"""

from __future__ import annotations

import os
from pathlib import Path

BEGIN = b"\n# >>> sandbox-venv >>>\n"
END = b"# <<< sandbox-venv <<<\n"
STUB = "unwrap"
"""Name of the stub in the venv's directory of the state."""


def quote_sh(path: bytes) -> bytes:
    """Quote for sh, bash, zsh."""
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def quote_fish(path: bytes) -> bytes:
    """Quote for fish, where a backslash counts inside single quotes."""
    return b"'" + path.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"


def quote_csh(path: bytes) -> bytes:
    """Quote for csh, where ``!`` and the line's end count even inside single quotes."""
    quoted = path.replace(b"'", b"'\\''").replace(b"!", b"\\!").replace(b"\n", b"\\\n")
    return b"'" + quoted + b"'"


def _block(name: str, command: bytes) -> bytes:
    """Return the block for one script; empty for shells that have none."""
    if name == "activate":
        path = quote_sh(command)
        return b"deactivate_sandbox () {\n    %s || return\n    hash -r 2> /dev/null || true\n}\n" % path
    if name == "activate.fish":
        return b"function deactivate_sandbox\n    %s\nend\n" % quote_fish(command)
    if name == "activate.csh":
        path = quote_csh(command)
        return b"set _sandbox_venv_unwrap = %s\nalias deactivate_sandbox '$_sandbox_venv_unwrap:q && rehash'\n" % path
    return b""


def add_block(name: str, text: bytes, folder: Path) -> bytes:
    """Return the outer copy of the script ``name`` whose own text is ``text``."""
    block = _block(name, os.fsencode(folder / STUB))
    return text + BEGIN + block + END if block else text


def strip_block(text: bytes) -> bytes:
    """Return a script's own text: what :func:`add_block` was given, whatever marks are in it."""
    start = text.rfind(BEGIN)
    end = text.find(END, start)
    return text if start < 0 or end < 0 else text[:start] + text[end + len(END) :]
