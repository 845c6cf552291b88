"""The record of a venv about to be wrapped, and the files beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .. import __version__
from ..state import NOTHING, StateDir, user_home
from ..toolcode import tool_interpreter
from .accounts import group_text, passwd_text
from .activate import STUB
from .inspect import VenvInfo
from .launchers import stub
from .record import Record


def new_record(
    info: VenvInfo, old: Record | None, state: StateDir, options: Sequence[bytes] | None, backend: str | None
) -> Record:
    """Return the record of a venv about to be wrapped, with nothing found yet; earlier options are kept."""
    code, interpreter = state.install_code(), tool_interpreter()
    earlier: tuple[tuple[str, str], ...] = ()
    if old is not None:
        pairs = [(os.fspath(old.code), os.fspath(old.interpreter)), *old.earlier]
        earlier = tuple(pair for pair in dict.fromkeys(pairs) if pair != (str(code), str(interpreter)))[:8]
    if options is None:
        kept = old.options if old is not None else ()
    else:
        kept = tuple(os.fsdecode(option) for option in options)
    return Record(
        tool_version=__version__,
        venv=info.path,
        project=info.project,
        home=user_home(),
        backend=backend or (old.backend if old is not None else "auto"),
        options=kept,
        base=info.base,
        system_site=info.system_site,
        copies=info.copies,
        conda=info.conda,
        private_home=info.path / "home",
        private_cache=info.path / "cache",
        code=code,
        interpreter=interpreter,
        entries=(),
        found={},
        folder=state.venv_dir(info.path),
        earlier=earlier,
    )


def write_helpers(state: StateDir, record: Record) -> None:
    """Write what lies beside the record: passwd, group, and the stub that ``deactivate_sandbox`` calls."""
    state.make(record.folder / NOTHING)
    state.write_atomic(record.folder / "passwd", passwd_text(record.home))
    state.write_atomic(record.folder / "group", group_text())
    arguments = os.fsencode(state.root), os.fsencode(record.venv)
    call = "sandbox_venv.venv.unwrap", "command", *arguments
    text = stub(record.interpreter, record.code, *call, trusted=(state.root, record.folder))
    state.write_atomic(record.folder / STUB, text, 0o700)
