"""Host programs that the user names (``--tool``, ``--shim``, ``run -- uv``): shown read-only with what they need."""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SandboxError
from ..venv.base import base_info
from .expose import Exposure, is_below
from .subject import Base, Subject

REASON = "a program of the host that you named"


@dataclass(slots=True)
class Needs:
    """What the closure must look at for the tools: see ``elf.resolve_closure``; and base interpreters of theirs."""

    roots: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    bases: list[tuple[Base, bool]] = field(default_factory=list)


def check_tool(path: str, subject: Subject) -> str:
    """Return the real path of a tool.

    Raises:
        SandboxError: another user or a session could have put it there, or it is no program.
    """
    real = os.path.realpath(path)
    try:
        status = os.stat(real)
    except OSError as error:
        raise SandboxError(f"show tool {path}: {error.strerror}", "wrap again with where it is now") from None
    writable = [subject.project, subject.private_home, subject.private_cache, *([subject.venv] if subject.venv else [])]
    if any(is_below(item, root) for item in (path, real) for root in (*writable, *subject.other_venvs)):
        raise SandboxError(f"show tool {path}: sessions can write there", "install it outside of the project")
    if any(is_below(real, root) for root in subject.trusted):
        raise SandboxError(f"show tool {path}: it is part of sandbox-venv itself", "name another program")
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111:
        raise SandboxError(f"show tool {path}: it isn't an executable file", "name the program itself")
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o002:
        raise SandboxError(f"show tool {path}: another user can write it", f"chmod go-w {real}")
    return real


def read_start(path: str) -> bytes:
    """Return the first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(1024)


def interpreter_of(start: bytes) -> str:
    """Return the interpreter that a script's first lines name, pip's and uv's form for long paths included."""
    if not start.startswith(b"#!"):
        return ""
    lines = start.decode("utf-8", "surrogateescape").split("\n")
    words = lines[0][2:].split()
    if words and os.path.basename(words[0]) == "sh" and len(lines) > 1:
        match = re.match(r"'''exec' (\"[^\"]+\"|'[^']+'|\S+) ", lines[1])
        return shlex.split(match[1])[0] if match else words[0]
    if words and os.path.basename(words[0]) == "env":
        named = [word for word in words[1:] if not word.startswith("-")]
        return f"/usr/bin/{named[0]}" if named else ""
    return words[0] if words else ""


def add_tool(exposure: Exposure, needs: Needs, path: str, subject: Subject) -> None:
    """Show one tool and, where it is a Python script, the venv or interpreter that it belongs to.

    Raises:
        SandboxError: it may not be shown, or is a launcher of ours, which can't start a sandbox in a sandbox.
    """
    real = check_tool(path, subject)
    venv = os.path.dirname(os.path.dirname(real))
    if os.path.isdir(f"{venv}/sandbox/bin") and os.path.isfile(f"{venv}/pyvenv.cfg"):
        raise SandboxError(
            f"show tool {path}: its venv {venv} is wrapped, and a sandbox starts no other one",
            f"start it directly, it is sandboxed already; or unwrap it: sandbox-venv unwrap {venv}",
        )
    exposure.expose(path, REASON)
    start = read_start(real)
    if start.startswith(b"\x7fELF"):
        needs.roots.append(real)
        return
    interpreter = interpreter_of(start)
    if not interpreter or not re.match(r"(python|pypy)", os.path.basename(interpreter)):
        return
    place = os.path.realpath(os.path.dirname(interpreter))
    venv = os.path.dirname(place)
    own = os.path.isfile(f"{venv}/pyvenv.cfg")
    info = base_info(Path(interpreter))
    base = Base(
        executable=str(info.executable), prefix=str(info.prefix), version=info.version, stdlib=str(info.stdlib),
        dynload=str(info.lib_dynload or info.stdlib), names=(interpreter, *(os.fspath(item) for item, _ in info.links)),
    )  # fmt: skip
    needs.bases.append((base, not own))
    needs.roots.append(base.executable)
    needs.trees += [base.dynload]
    if own:
        check_whole(venv, path, subject)
        exposure.expose(venv, f"the venv of {path}")
        needs.inside.append(venv)
        needs.trees.append(f"{venv}/lib")


def check_whole(venv: str, path: str, subject: Subject) -> None:
    """Refuse to show a directory that holds the user's home or what is trusted."""
    if any(is_below(item, venv) for item in (os.path.realpath(subject.home), subject.home, *subject.trusted)):
        hint = "install it in a venv of its own"
        raise SandboxError(f"show tool {path}: its venv {venv} holds more than packages", hint)
