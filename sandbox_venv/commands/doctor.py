"""``doctor``: what this machine can do, what is lost without the rest, and how to have it."""

from __future__ import annotations

from dataclasses import asdict

from ..probe import probe
from .common import GREEN, YELLOW, paint, refuse_rest, say, say_json, take_flag


def doctor(words: list[str]) -> int:
    """Show the probe's table; the status is 1 where no sandbox can be had."""
    as_json = take_flag(words, "--json")
    refuse_rest("doctor", words)
    rows = probe()
    if as_json:
        say_json({name: asdict(row) for name, row in rows.items()})
    else:
        for name, row in rows.items():
            say(f"{paint('ok' if row.ok else '--', GREEN if row.ok else YELLOW)}  {name:15} {row.detail}")
            if not row.ok:
                say(f"    {'':15} without it: {row.loss}; to have it: {row.remedy}")
    return 0 if rows["seccomp"].ok and (rows["native"].ok or rows["bwrap"].ok) else 1
