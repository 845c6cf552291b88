"""Read `policy.toml`: what is allowed, what is refused, and with which error."""

from __future__ import annotations

import errno
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """A call that is allowed only with certain values in one argument."""

    call: str
    position: int
    mask: int
    values: tuple[int, ...]
    refuse: int
    """errno of the answer for all other values"""
    when: tuple[int, int] | None
    """holds only where this (argument index, low 32 bits) is met; None = for all other values of the argument"""


class Deny(NamedTuple):
    """Calls that filter B refuses when an argument, seen through `mask`, equals `value` for a pair of these."""

    calls: tuple[tuple[str, int], ...]
    """(name, index of the argument)"""
    pairs: tuple[tuple[int, int], ...]
    """(mask, value)"""
    flag: tuple[int, tuple[int, ...]] | None
    """(index of another argument, bits): refused only where one of the bits is set"""


class OptOut(NamedTuple):
    """Calls that a kind of program needs: allowed without conditions."""

    allow: frozenset[str]
    personality: tuple[int, ...]
    why: str


class Policy(NamedTuple):
    """`policy.toml`, checked and with names split."""

    allow: frozenset[str]
    refuse: frozenset[str]
    absent: dict[str, str]
    arguments: tuple[Argument, ...]
    denies: tuple[Deny, ...]
    optouts: dict[str, OptOut]
    start: frozenset[str]
    numbers: dict[str, int]
    numbers_x86_64: dict[str, int]


def _names(table: dict[str, str]) -> frozenset[str]:
    return frozenset(name for line in table.values() for name in line.split())


def _argument(entry: dict[str, Any]) -> Argument:
    when = entry.get("when")
    return Argument(
        call=entry["call"],
        position=entry["index"],
        mask=entry["mask"],
        values=tuple(entry["values"]),
        refuse=getattr(errno, entry["refuse"]),
        when=(when["index"], when["value"]) if when else None,
    )


def _deny(entry: dict[str, Any]) -> Deny:
    flag = entry.get("flag")
    return Deny(
        calls=tuple(entry["calls"].items()),
        pairs=tuple((bit, bit) for bit in entry.get("bits", ()))
        + tuple((entry["mask"], value) for value in entry.get("values", ())),
        flag=(flag["index"], tuple(flag["bits"])) if flag else None,
    )


@cache
def load_policy() -> Policy:
    """Return the policy that ships with the package."""
    data = tomllib.loads(Path(__file__).with_name("policy.toml").read_text(encoding="utf-8"))
    arguments = tuple(_argument(entry) for entry in data["argument"])
    return Policy(
        allow=_names(data["allow"]) | {argument.call for argument in arguments},
        refuse=_names(data["refuse"]),
        absent=data["absent"],
        arguments=arguments,
        denies=tuple(_deny(entry) for entry in data["deny"]),
        optouts={
            name: OptOut(frozenset(entry["allow"].split()), tuple(entry.get("personality", ())), entry["why"])
            for name, entry in data["optout"].items()
        },
        start=_names(data["start"]),
        numbers=data["numbers"],
        numbers_x86_64=data["numbers_x86_64"],
    )
