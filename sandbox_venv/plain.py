"""Records for ``run`` on a venv that isn't wrapped, or on none: nothing in the venv is changed (cold)."""

from __future__ import annotations

import os
from pathlib import Path

from . import __version__
from .errors import SandboxError
from .plan.build import NO_VENV
from .state import NOTHING, open_state, user_home
from .toolcode import tool_interpreter
from .venv.accounts import group_text, passwd_text
from .venv.base import BaseInfo, base_info
from .venv.inspect import inspect_venv
from .venv.record import Record, write_record

SYSTEM_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")


def data_directory(name: str) -> Path:
    """Return (and make) the private home and cache of one project: ``$XDG_DATA_HOME/sandbox-venv/<name>``."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else user_home() / ".local" / "share"
    folder = Path(os.path.realpath(root)) / "sandbox-venv" / name
    for part in (folder.parent, folder, folder / "home", folder / "cache"):
        try:
            part.mkdir(mode=0o700, parents=part == folder.parent)
        except FileExistsError:
            status = part.lstat()
            if part.is_symlink() or status.st_uid != os.geteuid():
                hint = "remove it, or set XDG_DATA_HOME elsewhere"
                raise SandboxError(f"open {part}: it is not a directory of yours", hint) from None
    return folder


def system_base() -> BaseInfo:
    """Return the system's Python."""
    for path in SYSTEM_PYTHONS:
        if os.path.exists(path):
            return base_info(Path(path))
    return base_info()


def make_record(folder: str, venv: str | None, project: str) -> str:
    """Write the record of such a run; return its folder."""
    state = open_state()
    place = state.root / "runs" / Path(folder).name
    home = user_home()
    info = inspect_venv(venv, project=Path(project)) if venv is not None else None
    private = data_directory(place.name)
    record = Record(
        tool_version=__version__,
        venv=info.path if info else NO_VENV,
        project=Path(project),
        home=home,
        backend="auto",
        options=(),
        base=info.base if info else system_base(),
        system_site=info.system_site if info else True,
        copies=info.copies if info else False,
        conda=info.conda if info else False,
        private_home=private / "home",
        private_cache=private / "cache",
        code=Path(__file__).resolve().parent,
        interpreter=tool_interpreter(),
        entries=(),
        found={},
        folder=place,
    )
    state.make(place)
    state.make(place / NOTHING)
    for name, text in (("passwd", passwd_text(home)), ("group", group_text())):
        state.write_atomic(place / name, text)
    write_record(state, record)
    return str(place)
