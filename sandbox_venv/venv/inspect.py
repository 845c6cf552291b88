"""What a venv is: read as hostile data, no interpreter ever run.

Paths: a venv is known by its real parent directory plus its own name, so that no component of it is a link; a venv
that is a link itself is refused, since whoever writes the project could point it elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..state import read_regular, user_home
from .base import NAME, BaseInfo, base_info, follow

if TYPE_CHECKING:
    from .record import Record

MAX_CONFIG = 64 << 10
CONFIG = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class VenvInfo:
    """A venv.

    Attributes:
        path: absolute, no component is a link.
        project: the directory whose programs run in it.
        base: its base interpreter.
        site_packages: where packages lie (purelib, platlib), absolute, in the venv.
        system_site: whether the base's packages are seen too.
        copies: whether ``bin/python`` is a copy, not a link.
        conda: whether the venv is an installation of its own (no pyvenv.cfg): base.prefix is path.
        wrapped: whether ``bin`` holds launchers and the originals are apart.
        originals: the directory with the original entry points.
        entries: names of entry points there, sorted.
    """

    path: Path
    project: Path
    base: BaseInfo
    site_packages: tuple[Path, ...]
    system_site: bool
    copies: bool
    conda: bool
    wrapped: bool
    originals: Path
    entries: tuple[str, ...]

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.base.version

    @property
    def base_executable(self) -> Path:
        """The real path of the base interpreter."""
        return self.base.executable

    @property
    def base_prefix(self) -> Path:
        """The base interpreter's prefix."""
        return self.base.prefix

    @property
    def stdlib(self) -> Path:
        """The base interpreter's standard library."""
        return self.base.stdlib

    @property
    def lib_dynload(self) -> Path | None:
        """The standard library's extension modules."""
        return self.base.lib_dynload

    @property
    def outside_usr(self) -> bool:
        """Whether the base isn't the distribution's Python."""
        return self.base.outside_usr


def locate(venv: Path | str) -> Path:
    """Return the venv's path: its parent resolved, its own name kept.

    Raises:
        SandboxError: nothing is there, or it isn't a directory, or it is a link.
    """
    path = Path(os.path.abspath(venv))
    shown = str(path)
    try:
        path = Path(os.path.realpath(path.parent, strict=True)) / path.name
        status = os.lstat(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise SandboxError(f"open venv {shown!r}: it isn't there", f"make one: python3 -m venv {shown}") from None
        raise SandboxError(f"open venv {shown!r}: {error.strerror}", "check the path and its permissions") from None
    if stat.S_ISLNK(status.st_mode):
        real = os.path.realpath(path)
        raise SandboxError(
            f"open venv {shown!r}: it is a symbolic link",
            f"name the directory itself: {real} (and --project {path.parent})",
        )
    if not stat.S_ISDIR(status.st_mode):
        raise SandboxError(f"open venv {shown!r}: it isn't a directory", f"make one: python3 -m venv {shown}")
    return path


def read_config(venv: Path) -> dict[str, str] | None:
    """Return the settings in pyvenv.cfg, keys in lower case; None where there is no such file."""
    path = venv / CONFIG
    try:
        data = read_regular(path, MAX_CONFIG)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = f"make it anew: python3 -m venv --clear {venv}"
        if isinstance(error, PermissionError):
            hint = f"see its owner and mode: ls -ld {venv} {path}"
        raise SandboxError(f"read {str(path)!r}: {reason}", hint) from None
    config = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            config[key.strip().lower()] = value.strip()
    return config


def _version(config: dict[str, str]) -> tuple[int, int] | None:
    """Return the version that the settings name (venv: ``version``; virtualenv and uv: ``version_info``)."""
    for key in ("version_info", "version"):
        match = re.match(r"(\d{1,3})\.(\d{1,3})(\.|$)", config.get(key, ""))
        if match:
            return int(match[1]), int(match[2])
    return None


def _candidates(venv: Path, originals: Path, config: dict[str, str], version: tuple[int, int] | None) -> list[Path]:
    """Return where the base interpreter may be, the most telling first."""
    found = []
    home = config.get("home", "")
    if home.startswith("/"):
        names = ["python3", "python", "pypy3", "pypy"]
        if version:
            kind = "pypy" if config.get("implementation", "").lower() == "pypy" else "python"
            dotted = f"{kind}{version[0]}.{version[1]}"
            names = [dotted, f"{dotted}t", *names]
        found += [Path(home) / name for name in names]
    for name in ("python", "python3"):
        try:
            real, _ = follow(originals / name)
        except OSError:
            continue
        if venv not in real.parents:
            found.append(real)
    found += [Path(config[key]) for key in ("base-executable", "executable") if config.get(key, "").startswith("/")]
    return found


def _base(venv: Path, originals: Path, config: dict[str, str]) -> BaseInfo:
    """Return the base interpreter that the settings and ``bin/python`` lead to."""
    version = _version(config)
    candidates = _candidates(venv, originals, config, version)
    for path in candidates:
        if not path.exists() or (path.is_symlink() and venv in Path(os.path.realpath(path)).parents):
            continue
        info = base_info(path, version)
        if version is None or info.version == version:
            return replace(info, links=_links(venv, originals, info))
    gone = candidates[0] if candidates else venv / "bin" / "python"
    raise SandboxError(
        f"open venv {str(venv)!r}: its base interpreter {str(gone)!r} is gone",
        f"install that Python again, or make the venv anew: python3 -m venv --clear {venv}",
    )


def _links(venv: Path, originals: Path, base: BaseInfo) -> tuple[tuple[Path, str], ...]:
    """Return the links outside the venv that lead to the base interpreter: what ``bin/python`` needs inside."""
    found = dict(base.links)
    for name in ("python", "python3", base.executable.name):
        try:
            real, links = follow(originals / name)
        except OSError:
            continue
        if real == base.executable:
            found.update((path, target) for path, target in links if venv not in path.parents)
    return tuple(sorted(found.items()))


def _check_prefix(base: BaseInfo) -> None:
    """Refuse a prefix outside /usr that holds the user's home: it would be mounted whole."""
    homes = {user_home(), Path(os.path.realpath(user_home()))}
    if base.outside_usr and any(base.prefix == home or base.prefix in home.parents for home in homes):
        raise SandboxError(
            f"use base interpreter {str(base.executable)!r}: its prefix {str(base.prefix)!r} holds your home directory",
            "install that Python in a directory of its own",
        )


def is_script(name: str) -> bool:
    """Tell whether a name in ``bin/`` is one that the user's shell sources: never a launcher there."""
    return re.match(r"(de)?activate([._-]|$)", name, re.IGNORECASE) is not None


def list_entries(folder: Path | int) -> tuple[str, ...]:
    """Return the names of the entry points in a directory: executable files, and links that aren't to directories."""
    with os.scandir(folder) as items:
        return tuple(sorted(item.name for item in items if is_entry(item)))


def is_entry(item: os.DirEntry[str]) -> bool:
    """Tell whether one thing in a ``bin/`` gets a launcher. What a link says isn't trusted, only looked at."""
    if is_script(item.name):
        return False
    try:
        if item.is_symlink():
            return not item.is_dir()
        return item.is_file(follow_symlinks=False) and bool(item.stat(follow_symlinks=False).st_mode & 0o111)
    except OSError:
        return False


def _site_packages(venv: Path, base: BaseInfo) -> tuple[Path, ...]:
    """Return the venv's package directories: lib and lib64, but for what links lead to: to lib, or out of the venv."""
    paths = [venv / lib / base.stdlib.name / "site-packages" for lib in ("lib", "lib64")]
    return tuple(path for path in paths if path.is_dir() and os.path.realpath(path) == str(path))


def inspect_venv(venv: Path | str, *, project: Path | None = None, record: Record | None = None) -> VenvInfo:
    """Describe a venv.

    Args:
        venv: its path, absolute or not.
        project: the project directory, by default the venv's parent.
        record: of a wrapped venv: the base interpreter comes from there.

    Raises:
        SandboxError: it isn't a venv, or it is broken.
    """
    path = locate(venv)
    wrapped = record is not None and (path / "sandbox" / "bin").is_dir()
    originals = path / "sandbox" / "bin" if wrapped else path / "bin"
    try:
        config = read_config(path)
        conda = config is None and (path / "conda-meta").is_dir()
        if config is None and not conda:
            hint = f"make one: python3 -m venv {path}"
            raise SandboxError(f"open venv {str(path)!r}: it isn't a virtual environment (no {CONFIG})", hint)
        config = config or {}
        if record is not None:
            base = record.base
            if not conda and not base.executable.exists():
                raise SandboxError(
                    f"open venv {str(path)!r}: its base interpreter {str(base.executable)!r} is gone",
                    f"install that Python again, or: sandbox-venv unwrap {path}; python3 -m venv --clear {path}",
                )
        else:
            base = base_info(path / "bin" / "python") if conda else _base(path, originals, config)
            if not conda:
                _check_prefix(base)
        entries = list_entries(originals)
    except OSError as error:
        raise SandboxError(
            f"open venv {str(path)!r}: {error.strerror}: {error.filename!r}",
            f"it is broken; make it anew: python3 -m venv --clear {path}",
        ) from None
    python = next((name for name in entries if NAME.match(name) and not (originals / name).is_symlink()), None)
    return VenvInfo(
        path=path,
        project=project or path.parent,
        base=base,
        site_packages=_site_packages(path, base),
        system_site=config.get("include-system-site-packages", "").lower() == "true",
        copies=not conda and (python is not None or _is_file(originals / "python")),
        conda=conda,
        wrapped=wrapped,
        originals=originals,
        entries=entries,
    )


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
