"""Presets (``--preset NAME``): what a kind of program needs besides the defaults, as data in ``presets/``."""

from __future__ import annotations

import glob
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SandboxError
from . import Show

FOLDER = Path(__file__).with_name("presets")


@dataclass(slots=True)
class Preset:
    """What one or several presets say, for one home.

    Attributes:
        show: host paths to be shown, globs expanded.
        libs: SONAMEs that programs open by name.
        options: bubblewrap options.
        admit: variables that pass although they point at the host's session.
        files: ``NAME`` or ``NAME=DEFAULT``: variables whose file is shown at each start.
        bus_calls: what of the session bus may be called, as xdg-dbus-proxy(1) takes it; none, no bus.
        installers: ``file PATH``: main scripts that start install sessions, as the plan's ENTRIES name them.
        absent: devices and directories of the home that may still come: the driver makes a device when it is first
            used, an editor's directory comes with the editor.
    """

    show: list[Show] = field(default_factory=list)
    libs: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    admit: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    bus_calls: list[str] = field(default_factory=list)
    installers: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def names() -> dict[str, str]:
    """Return the presets that there are, each with its summary."""
    files = sorted(FOLDER.glob("*.toml"))
    return {path.stem: str(tomllib.loads(path.read_text(encoding="utf-8"))["summary"]) for path in files}


def expand(paths: list[str], home: str) -> tuple[str, ...]:
    """Return paths with ``~`` and globs expanded, those that exist."""
    found: list[str] = []
    for path in paths:
        full = glob.escape(home) + path[1:] if path.startswith("~/") else path
        found += sorted(glob.glob(full))
    return tuple(found)


def missing(paths: list[str], home: str) -> list[str]:
    """Return the paths without a glob that don't exist."""
    plain = [path for path in paths if not glob.has_magic(path)]
    full = [home + path[1:] if path.startswith("~/") else path for path in plain]
    return [path for path in full if not os.path.lexists(path)]


def add(found: Preset, data: dict[str, Any], home: str) -> None:
    """Add what one file says."""
    for item in data.get("show", ()):
        paths, programs = expand(item.get("paths", []), home), expand(item.get("programs", []), home)
        found.show.append(Show(item["reason"], programs, paths, expand(item.get("scan", []), home), "any"))
        scripts = [f"{path}/{name}" for path in paths for name in item.get("installers", [])]
        found.installers += [f"file {script}" for script in scripts if Path(script).is_file()]
        found.absent += missing([path for path in item.get("paths", []) if path.startswith("~/")], home)
    found.libs += data.get("libs", ())
    found.admit += data.get("pass", ())
    found.bus_calls += data.get("bus_calls", ())
    found.files += [item.replace("=~/", f"={home}/") for item in data.get("files", ())]
    found.absent += missing(data.get("devices", []), home)
    for path in expand(data.get("devices", []), home):
        found.options += ["--dev-bind-try", path, path]
    for item in data.get("option", ()):
        found.options += item["words"]


def check_names(wanted: list[str]) -> None:
    """Refuse a preset that there isn't.

    Raises:
        SandboxError: naming those that there are.
    """
    known = names()
    for name in wanted:
        if name not in known:
            raise SandboxError(f"read options: no preset {name!r}", f"one of {', '.join(known)}")


def read_presets(wanted: list[str], home: str) -> Preset:
    """Return what the presets of these names say together.

    Raises:
        SandboxError: there is no such preset.
    """
    found = Preset()
    check_names(wanted)
    for name in dict.fromkeys(wanted):
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        add(found, tomllib.loads(text), home)
    return found
