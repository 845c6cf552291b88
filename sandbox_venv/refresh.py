"""A plan is stale or missing (cold): what changed outside is noticed first, then the plan is compiled."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import SandboxError, shown
from .launch.planfile import Plan
from .plan.progress import say_waiting
from .plan.store import compile_stored
from .state import StateDir
from .venv.record import has_originals, read_record
from .venv.tree import say_stderr
from .venv.wrap import take_in, unshare_venv


def notice(folder: bytes) -> None:
    """Wrap what a tool outside (uv) put into a wrapped venv's ``bin/``, and say so in one line.

    Raises:
        SandboxError: the venv was made anew: nothing in it is wrapped.
    """
    place = Path(os.fsdecode(folder))
    state = StateDir(place.parents[1])
    if place.parent != state.registry_dir:
        return
    record = read_record(place)
    if not os.path.isdir(record.venv):
        return  # said when the plan is compiled
    if not has_originals(record.venv):
        raise SandboxError(
            f"start in {str(record.venv)!r}: it was made anew since it was wrapped, and is plain now",
            f"wrap it again, its options are kept: sandbox-venv wrap {record.venv}",
        )
    names = take_in(record, state, say_waiting)
    if names:
        listed = ", ".join(map(shown, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        os.write(2, os.fsencode(f"sandbox-venv: wrapped what was installed from outside: {listed}\n"))


def keep_apart(folder: bytes) -> None:
    """Have no file of a wrapped venv be a file of an installer's cache, too, when a session may write it.

    What is installed from outside makes the plan stale, so this is done before it can be written.
    """
    place = Path(os.fsdecode(folder))
    state = StateDir(place.parents[1])
    if place.parent == state.registry_dir:
        unshare_venv(read_record(place), state, say_waiting, say_stderr)


def compile_fresh(folder: bytes, kind: bytes, variant: bytes) -> Plan:
    """Compile the plan that a start asks for, store it and return it.

    Raises:
        SandboxError: it can't be compiled, or the venv isn't what was wrapped.
    """
    notice(folder)
    if kind == b"install":
        keep_apart(folder)
    return compile_stored(folder, kind, variant)
