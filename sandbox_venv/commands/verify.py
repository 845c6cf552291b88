"""``verify`` and ``repair``."""

from __future__ import annotations

from dataclasses import asdict

from ..errors import SandboxError
from ..run import Asked, find_venv
from ..state import StateDir, open_state
from ..venv import wrap_venv
from ..venv.inspect import locate
from ..venv.record import Record, find_record
from .common import GREEN, RED, fold, paint, refuse_rest, say, say_json, take_flag, tilde
from .drift import Drift, find_drift


def take_venv(words: list[str]) -> str | None:
    """Take the venv off the front of ``words`` where there is one."""
    return words.pop(0) if words and not words[0].startswith("-") else None


def wrapped_record(venv: str | None, command: str) -> tuple[Record, StateDir]:
    """Return the record of a wrapped venv.

    Raises:
        SandboxError: there is no such venv, or it isn't wrapped.
    """
    asked = Asked()
    asked.venv = venv
    path = find_venv(asked.venv)
    if path is None:
        raise SandboxError(f"{command}: there is no venv here", f"name it: sandbox-venv {command} path/to/.venv")
    state = open_state()
    record = find_record(state, locate(path))
    if record is None:
        raise SandboxError(f"{command} {path!r}: it isn't wrapped", f"wrap it: sandbox-venv wrap {path}")
    return record, state


def show(mark: str, item: Drift, colour: str = "") -> None:
    """Print a difference, folded, with a mark before it that may have a colour."""
    first, *more = fold(f"{mark:8}", f"{tilde(item.what)}: {item.problem}")
    say(first.replace(mark, paint(mark, colour), 1) if colour else first)
    for line in more:
        say(line)


def verify(words: list[str]) -> int:
    """Show what isn't as wrap left it; the status is 1 where something isn't."""
    as_json = take_flag(words, "--json")
    venv = take_venv(words)
    refuse_rest("verify", words)
    record, _ = wrapped_record(venv, "verify")
    found = find_drift(record)
    if as_json:
        say_json(
            {"venv": str(record.venv), "launchers": len(record.entries), "drift": [asdict(item) for item in found]}
        )
        return 1 if found else 0
    for item in found:
        show("UNSAFE" if item.unsafe else "drift", item, RED)
    if found:
        say(f"to mend it: sandbox-venv repair {record.venv}")
    else:
        say(f"{paint('ok', GREEN)}  {record.venv}: {len(record.entries)} launchers are what wrap wrote")
    return 1 if found else 0


def repair(words: list[str]) -> int:
    """Wrap again with what the record says, and drop the compiled plans."""
    venv = take_venv(words)
    refuse_rest("repair", words)
    record, state = wrapped_record(venv, "repair")
    before = find_drift(record)
    record = wrap_venv(record.venv, state=state, out=say)
    for path in record.folder.glob("*.plan"):
        path.unlink(missing_ok=True)
    after = find_drift(record)
    for item in before:
        show("left" if item in after else "mended", item)
    say(
        f"{record.venv}: {len(record.entries)} launchers are in place" if not after else "not all of it could be mended"
    )
    return 1 if after else 0
