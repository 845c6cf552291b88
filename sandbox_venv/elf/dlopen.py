"""The reviewed data on what only dlopen(3) finds."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from typing import NamedTuple


class Dlopened(NamedTuple):
    """A library or a directory of modules that other libraries open by name.

    Attributes:
        name: a SONAME; or, for a directory, a path relative to the directory of the library in ``by``.
        by: SONAMEs: if one of them is in the closure, so is this, where the machine has it.
        why: for people.
        directory: whether it is a directory.
        closed: whether its modules are known to need libc and each other only, so that nobody has to look.
    """

    name: str
    by: tuple[str, ...]
    why: str
    directory: bool = False
    closed: bool = False


@cache
def reviewed_dlopen() -> tuple[Dlopened, ...]:
    """Return what ``dlopen.toml`` says."""
    with open(os.path.join(os.path.dirname(__file__), "dlopen.toml"), "rb") as file:
        data = tomllib.load(file)
    libraries = [Dlopened(row["soname"], tuple(row["by"]), row["why"]) for row in data["library"]]
    directories = [
        Dlopened(row["path"], tuple(row["by"]), row["why"], directory=True, closed=row["closed"])
        for row in data["directory"]
    ]
    return tuple(libraries + directories)
