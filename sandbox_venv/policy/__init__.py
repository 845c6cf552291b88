"""The default policy, as data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple


class Show(NamedTuple):
    """Host paths that a session sees read-only.

    Attributes:
        reason: why, for people.
        programs: executables: they and their libraries are shown.
        paths: files and directories.
        scan: directories among ``paths`` whose programs need their libraries too.
        session: the session kind it is for, or ``any``.
    """

    reason: str
    programs: tuple[str, ...]
    paths: tuple[str, ...]
    scan: tuple[str, ...]
    session: str


class Policy(NamedTuple):
    """What ``defaults.toml`` says."""

    show: tuple[Show, ...]
    set_env: tuple[str, ...]
    pass_env_install: tuple[str, ...]
    installers: tuple[str, ...]
    protect: tuple[str, ...]
    protect_nested: tuple[str, ...]
    tmp_share: int
    drop_env_install: tuple[str, ...] = ()
    set_env_install: tuple[str, ...] = ()


def read_policy() -> Policy:
    """Read the package's ``defaults.toml``."""
    data = tomllib.loads(Path(__file__).with_name("defaults.toml").read_text(encoding="utf-8"))
    show = tuple(
        Show(
            reason=item["reason"],
            programs=tuple(item.get("programs", ())),
            paths=tuple(item.get("paths", ())),
            scan=tuple(item.get("scan", ())),
            session=item.get("session", "any"),
        )
        for item in data["show"]
    )
    return Policy(
        show=show,
        set_env=tuple(data["environment"]["set"]),
        pass_env_install=tuple(data["environment"]["install"]["pass"]),
        drop_env_install=tuple(data["environment"]["install"]["drop"]),
        set_env_install=tuple(data["environment"]["install"]["set"]),
        installers=tuple(data["sessions"]["install"]),
        protect=tuple(data["protect"]["names"]),
        protect_nested=tuple(data["protect"]["nested"]),
        tmp_share=int(data["limits"]["tmp"].rstrip("%")),
    )
