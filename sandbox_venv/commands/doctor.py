"""``doctor``: what this machine can do, what is lost without the rest, and how to have it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from ..probe import ProbeResult
from .attack import attack
from .common import GREEN, RED, YELLOW, paint, refuse_rest, say, say_json, take_flag
from .machine import rows
from .verify import take_venv

NEEDED = ("userns", "seccomp", "python")
WIDTH = 78


def can_sandbox(table: dict[str, ProbeResult]) -> bool:
    """Tell whether some backend works here."""
    return table["seccomp"].ok and (table["native"].ok or table["bwrap"].ok)


def doctor(words: list[str]) -> int:
    """Show the table; the status is 1 where no sandbox can be had, or where an attack came through."""
    as_json, attacking = take_flag(words, "--json"), take_flag(words, "--attack")
    venv = take_venv(words) if attacking else None
    refuse_rest("doctor", words)
    table = rows()
    good = can_sandbox(table)
    outcomes = attack(venv) if attacking and good else []
    if as_json:
        data: dict[str, Any] = {name: asdict(row) for name, row in table.items()}
        if attacking:
            data = {"machine": data, "attacks": [dict(zip(_KEYS, item, strict=True)) for item in outcomes]}
        say_json(data)
    else:
        if not attacking:
            show(table)
        show_attacks(outcomes)
        if not good:
            say(paint("no sandbox can be had on this machine: see the rows marked NO", RED))
    return 0 if good and all(item[2] == "stopped" for item in outcomes) else 1


_KEYS = ("name", "tries", "outcome", "detail")


def show(table: dict[str, ProbeResult]) -> None:
    """Print the table."""
    for name, row in table.items():
        mark = paint("ok", GREEN) if row.ok else paint("NO", RED) if name in NEEDED else paint("--", YELLOW)
        say(f"{mark}  {name:15} {row.detail}")
        if not row.ok:
            for title, text in (("lost", row.loss), ("remedy", row.remedy)):
                for at, line in enumerate(textwrap.wrap(text, WIDTH - 28, break_on_hyphens=False)):
                    say(f"    {'':15} {title + ':' if not at else '':8}{line}")


def show_attacks(outcomes: list[list[str]]) -> None:
    """Print what became of the attacks, and the score."""
    for _, tries, outcome, detail in outcomes:
        stopped = outcome == "stopped"
        mark = paint("stopped", GREEN) if stopped else paint("THROUGH", RED)
        say(f"{mark}  {tries}" + (f"  ({detail})" if detail else ""))
    if outcomes:
        count = sum(item[2] == "stopped" for item in outcomes)
        say(f"{count} of {len(outcomes)} attacks were stopped")
