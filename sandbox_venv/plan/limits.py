"""``--rlimit NAME=VALUE``: resource limits of the program, getrlimit(2)."""

from __future__ import annotations

import re
import resource

from ..errors import SandboxError

NAMES = {name[7:].lower(): getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
UNLIMITED = (1 << 64) - 1
"""RLIM_INFINITY on every 64-bit architecture, sys/resource.h"""


def _value(text: str) -> int:
    if text in ("unlimited", "infinity"):
        return UNLIMITED
    match = re.fullmatch(r"(\d{1,15})([kmgt]?)(i?b)?", text.lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2]]


def parse_rlimit(text: str) -> str:
    """Return ``number=soft:hard`` for ``NAME=SOFT[:HARD]``.

    >>> parse_rlimit("nproc=64"), parse_rlimit("as=1G:2G")
    ('6=64:64', '9=1073741824:2147483648')

    Raises:
        SandboxError: no such limit, or no such value.
    """
    name, _, value = text.partition("=")
    short = name.lower().removeprefix("rlimit_")
    if short not in NAMES:
        raise SandboxError(f"read options: --rlimit {text}: no limit {name!r}", f"one of {', '.join(sorted(NAMES))}")
    try:
        soft, _, hard = value.partition(":")
        low, high = _value(soft), _value(hard or soft)
    except ValueError:
        hint = "a number, with K, M or G where it is bytes, or `unlimited`; SOFT:HARD where they differ"
        raise SandboxError(f"read options: --rlimit {text}: {value!r} is no limit", hint) from None
    if low > high:
        hint = "SOFT:HARD, the lower one first"
        raise SandboxError(f"read options: --rlimit {text}: the soft limit is above the hard one", hint)
    return f"{NAMES[short]}={low}:{high}"
