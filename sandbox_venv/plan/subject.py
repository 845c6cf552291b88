"""What a plan is for: one venv (or none), its project, its base interpreter, its private directories."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Base(NamedTuple):
    """The base interpreter, as recorded when the venv was wrapped.

    Attributes:
        executable: its real path.
        prefix: its installation prefix.
        version: (major, minor).
        stdlib, dynload: the standard library's directories.
        names: further names it is reached by on the host (links of a venv's ``bin/python`` and the like).
    """

    executable: str
    prefix: str
    version: tuple[int, int]
    stdlib: str
    dynload: str
    names: tuple[str, ...] = ()

    @property
    def is_system(self) -> bool:
        """Tell whether the prefix is shared with the whole system, so that only Python's own part of it is shown."""
        return self.prefix in ("/usr", "/usr/local", "/")


class Subject(NamedTuple):
    """What is sandboxed.

    Attributes:
        folder: directory of its plans in the trusted state.
        venv: the venv's path, or None for the system's Python.
        bin: the directory of entry points as seen inside.
        originals: what is mounted there; None where the venv isn't wrapped (its own ``bin`` shows).
        project: the directory that is writable inside.
        home: value of ``$HOME`` inside, the user's own.
        private_home, private_cache: what is mounted there and on ``~/.cache``.
        site: site-packages directories of the venv.
        system_site: the venv sees the system's packages.
        backend: ``auto``, ``bwrap`` or ``native``.
        options: the user's stored bubblewrap options.
        wrapped: an install session is followed by the host's take-over.
    """

    folder: Path
    venv: str | None
    bin: str
    originals: str | None
    project: str
    home: str
    private_home: str
    private_cache: str
    base: Base
    site: tuple[str, ...] = ()
    system_site: bool = False
    backend: str = "auto"
    options: tuple[str, ...] = ()
    wrapped: bool = False
    other_venvs: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
