"""``doctor``: what this machine can do, what is lost without the rest, and how to have it."""

from __future__ import annotations

from dataclasses import asdict

from ..probe import ProbeResult
from .attack import attack
from .common import GREEN, RED, YELLOW, fold, paint, refuse_rest, say, say_json, take_flag
from .machine import rows
from .verify import take_venv

NEEDED = ("userns", "seccomp", "python")
NAME = 16


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
        attacks = [dict(zip(_KEYS, item, strict=True)) for item in outcomes] if attacking else None
        say_json({"works": good, "rows": {name: asdict(row) for name, row in table.items()}, "attacks": attacks})
    else:
        if not attacking:
            show(table)
        show_attacks(outcomes)
        if not attacking or not good:
            say(verdict(table))
    return 0 if good and all(item[2] == "stopped" for item in outcomes) else 1


def verdict(table: dict[str, ProbeResult]) -> str:
    """Return what the table comes to, in a line."""
    if not can_sandbox(table):
        return paint("No sandbox can be had on this machine: see the rows marked NO.", RED)
    found = " and ".join(name for name in ("native", "bwrap") if table[name].ok)
    return paint(f"Sandboxes can be had on this machine ({found}).", GREEN)


_KEYS = ("name", "tries", "outcome", "detail")


def show(table: dict[str, ProbeResult]) -> None:
    """Print the table."""
    for name, row in table.items():
        missed = name in NEEDED and not (name == "userns" and can_sandbox(table))
        mark = paint("ok", GREEN) if row.ok else paint("NO", RED) if missed else paint("--", YELLOW)
        first, *more = fold(f"    {name:{NAME}}", row.detail)
        say(mark + first[2:])
        for line in more:
            say(line)
        if not row.ok:
            for title, text in (("lost:   ", row.loss), ("remedy: ", row.remedy)):
                for line in fold("    " + title, text):
                    say(line)


def show_attacks(outcomes: list[list[str]]) -> None:
    """Print what became of the attacks, and the score."""
    for _, tries, outcome, detail in outcomes:
        stopped = outcome == "stopped"
        mark = paint("stopped", GREEN) if stopped else paint("THROUGH", RED)
        say(f"{mark}  {tries}" + (f"  ({detail})" if detail else ""))
    if outcomes:
        count = sum(item[2] == "stopped" for item in outcomes)
        say(f"{count} of {len(outcomes)} attacks were stopped")
