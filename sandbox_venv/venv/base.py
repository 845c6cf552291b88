"""The base interpreter of a venv, found by reading, never by running it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxError

MAX_LINKS = 40
NAME = re.compile(r"^(python|pypy)(\d+)\.(\d+)(t?)")
FOLDER = re.compile(r"^(python|pypy)(\d+)\.(\d+)(t?)$")


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """A base interpreter.

    Attributes:
        executable: its real path, e.g. ``/usr/bin/python3.11``.
        prefix: the directory that holds its ``bin`` and ``lib``.
        version: major, minor.
        stdlib: the standard library's directory.
        lib_dynload: extension modules of the standard library, None where they are built in.
        site_dirs: the base's own package directories that exist.
        links: symbolic links on the way to the executable, outside a venv: path and what it says.
    """

    executable: Path
    prefix: Path
    version: tuple[int, int]
    stdlib: Path
    lib_dynload: Path | None
    site_dirs: tuple[Path, ...]
    links: tuple[tuple[Path, str], ...]

    @property
    def outside_usr(self) -> bool:
        """Whether it isn't the distribution's: then its prefix is mounted whole."""
        return self.prefix != Path("/usr") and Path("/usr") not in self.prefix.parents


def follow(path: Path) -> tuple[Path, list[tuple[Path, str]]]:
    """Resolve ``path``; return the real path and each link on the way, wherever in the path it is.

    Raises:
        OSError: it doesn't exist, or the links go round.
    """
    pending, current = [part for part in str(path).split("/") if part], Path("/")
    links: list[tuple[Path, str]] = []
    while pending:
        part = pending.pop(0)
        if part == "..":
            current = current.parent
            continue
        step = current / part
        if part == "." or not step.is_symlink():
            current = step
            continue
        target = os.readlink(step)
        links.append((step, target))
        if len(links) > MAX_LINKS:
            raise OSError(40, os.strerror(40), str(path))
        pending = [item for item in target.split("/") if item] + pending
        current = Path("/") if target.startswith("/") else current
    os.stat(current)
    return current, links


def _libraries(prefix: Path) -> list[tuple[Path, re.Match[str]]]:
    """Return the standard libraries below a prefix."""
    found = []
    for lib in ("lib", "lib64"):
        try:
            names = sorted(os.listdir(prefix / lib))
        except OSError:
            continue
        for name in names:
            match = FOLDER.match(name)
            if match and (prefix / lib / name / "os.py").is_file():
                found.append((prefix / lib / name, match))
    return found


def _stdlib(real: Path, version: tuple[int, int] | None) -> tuple[Path, Path, tuple[int, int]]:
    """Return prefix, standard library and version of the interpreter at ``real``."""
    named = NAME.match(real.name)
    if named:
        version = (int(named[2]), int(named[3]))
    for prefix in real.parents[1:4]:
        if prefix == Path("/"):
            break
        libraries = [
            (path, match)
            for path, match in _libraries(prefix)
            if version in (None, (int(match[2]), int(match[3]))) and (not named or match[1] == named[1])
        ]
        # A free-threaded build has bin/python3.13, too, and lib/python3.13t alone.
        exact = [(path, match) for path, match in libraries if named and path.name == named[0]]
        libraries = exact or libraries
        if len({path.name for path, _ in libraries}) == 1:
            path, match = libraries[0]
            return prefix, path, (int(match[2]), int(match[3]))
    raise SandboxError(
        f"find the standard library of {str(real)!r}: no lib/pythonX.Y with os.py beside it",
        "is this a Python interpreter? a venv over it can be made anew: python3 -m venv --clear VENV",
    )


def base_info(executable: Path | None = None, version: tuple[int, int] | None = None) -> BaseInfo:
    """Describe the interpreter at ``executable`` (default: the one that runs the tool).

    Args:
        executable: absolute path, links allowed.
        version: what is known of its version, where its name doesn't say.

    Raises:
        SandboxError: it isn't there, or is no Python installation.
    """
    if executable is None:
        executable = Path(getattr(sys, "_base_executable", "") or sys.executable)
    try:
        real, links = follow(executable)
    except OSError as error:
        hint = "install that Python again, or make the venv anew with another: python3 -m venv --clear VENV"
        raise SandboxError(f"find interpreter {str(executable)!r}: {error.strerror}", hint) from None
    if not real.is_file() or not os.access(real, os.X_OK):
        raise SandboxError(f"use interpreter {str(real)!r}: it is not an executable file", "name another interpreter")
    prefix, stdlib, found = _stdlib(real, version)
    dynload = stdlib / "lib-dynload"
    sites = [stdlib / "site-packages", stdlib / "dist-packages", stdlib.parent / "python3" / "dist-packages"]
    if prefix == Path("/usr"):
        sites += [Path("/usr/local/lib") / stdlib.name / name for name in ("site-packages", "dist-packages")]
    return BaseInfo(
        executable=real,
        prefix=prefix,
        version=found,
        stdlib=stdlib,
        lib_dynload=dynload if dynload.is_dir() else None,
        site_dirs=tuple(path for path in sites if path.is_dir()),
        links=tuple(links),
    )
