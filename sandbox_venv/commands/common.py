"""What commands share: which venv they are for, its plan compiled afresh, and how they print."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..elf import FactsCache
from ..errors import SandboxError
from ..launch.call import entry_variant, install_variant, variant_of
from ..launch.choose import session_kind
from ..plan.build import prepare
from ..plan.compile import Compiled
from ..plan.settings import read_settings
from ..plan.subject import Subject
from ..policy import read_policy
from ..run import Asked, entry_of, find_venv, folder_of
from ..state import StateDir
from ..venv.record import Record, read_record

WIDTH = 79
"""Columns that lines are folded at."""

GREEN, RED, YELLOW = "32", "31", "33"
COLOUR = re.compile(r"(\x1b\[(?:0|31|32|33)m)")
"""What ``paint`` adds; names that a session gave can at most be coloured by it."""


@dataclass(slots=True)
class Opened:
    """A venv with its plan, compiled for this call and not stored.

    Attributes:
        record, state: what is wrapped (or stands for a plain venv), and where that is kept.
        subject, compiled: what the plan is for, and the plan.
    """

    record: Record
    state: StateDir
    subject: Subject
    compiled: Compiled


def place_of(asked: Asked) -> tuple[Record, StateDir]:
    """Return the record that a command line is about, and the state it is kept in."""
    folder = Path(os.fsdecode(folder_of(asked, find_venv(asked.venv))))
    return read_record(folder), StateDir(folder.parents[1])


def kind_of(asked: Asked) -> str:
    """Return the kind of session that a command line is about: of its command, where it names one, else ``run``."""
    if asked.session or not asked.command:
        return asked.session or "run"
    installers = [os.fsencode(name) for name in read_policy().installers]
    name, *arguments = [os.fsencode(word) for word in asked.command]
    return session_kind(installers, os.path.basename(name), arguments).decode()


def open_plan(asked: Asked) -> Opened:
    """Compile the plan that a command line is about, as ``run`` would with the same options.

    Raises:
        SandboxError: there is no such venv, or no plan can be made.
    """
    record, state = place_of(asked)
    variant = variant_of(os.environb, [os.fsencode(word) for word in asked.options], asked.backend.encode())
    name = entry_of(asked.command, os.fsencode(record.venv / "bin")) if asked.command else b""
    variant = entry_variant(variant, [os.fsencode(item) for item in read_settings(record, "run").entries], name)
    kind = kind_of(asked)
    if kind == "install":
        variant = install_variant(variant, os.environb)
    with FactsCache(state.root / "facts") as facts:
        subject, compiled = prepare(record, state, kind, variant, facts)
    return Opened(record, state, subject, compiled)


def take_flag(words: list[str], name: str) -> bool:
    """Take an option without an argument out of ``words``; tell whether it was there."""
    found = name in words
    while name in words:
        words.remove(name)
    return found


def refuse_rest(command: str, words: list[str]) -> None:
    """Refuse what is left of a command line.

    Raises:
        SandboxError: something is left.
    """
    if words:
        what = "option" if words[0].startswith("-") else "argument"
        raise SandboxError(f"{command}: unknown {what} {words[0]!r}", f"sandbox-venv {command} --help")


def say(line: str = "") -> None:
    """Print a line, whatever bytes of a file name are in it."""
    sys.stdout.flush()
    pieces = COLOUR.split(line) if is_colourful() else [line]
    pieces[::2] = map(_safe, pieces[::2])
    sys.stdout.buffer.write(os.fsencode("".join(pieces) + "\n"))
    sys.stdout.buffer.flush()


def _safe(text: str) -> str:
    """Return a text in which what a terminal would obey is spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def say_json(data: Any) -> None:  # noqa: ANN401 - whatever json takes
    """Print for programs."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def fold(first: str, text: str, rest: int | None = None) -> list[str]:
    """Return a text folded for 80 columns; what has no spaces (paths, options) stays whole.

    Args:
        first: what stands before it.
        text: the text.
        rest: columns before the further lines; None: as wide as ``first``.
    """
    margin = " " * (len(first) if rest is None else rest)
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return lines or [first.rstrip()]


def tilde(path: str) -> str:
    """Return a path as people write it: ``~`` for their home."""
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if home != "/" and path.startswith(home + "/") else path


def is_colourful() -> bool:
    """Tell whether standard output wants colours: https://no-color.org, https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def paint(text: str, colour: str) -> str:
    """Return ``text`` in a colour that reads on light and dark, where that is wanted."""
    return f"\x1b[{colour}m{text}\x1b[0m" if is_colourful() else text


def age(seconds: float) -> str:
    """Return a time span in the two words that people use.

    >>> age(59), age(3700), age(200_000)
    ('59 s', '61 min', '55 h')
    """
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (72 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86400)} days"
