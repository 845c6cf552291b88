"""Which plan a call asks for."""

from __future__ import annotations

import pytest

from sandbox_venv.launch.call import entry_variant
from sandbox_venv.plan.build import read_variant
from sandbox_venv.run import entry_of


@pytest.mark.parametrize(
    ("own", "name", "entries"),
    [
        ([b"ruff"], b"ruff", ("ruff",)),
        ([b"ruff"], b"ruff2", ("ruff",)),
        ([b"ruff"], b"uff", ()),
        ([b"ruff2"], b"ruff", ()),
        ([b"python3.11", b"python"], b"python3.11", ("python", "python3.11")),
        ([b""], b"", ()),
        ([b""], b"311", ()),
        ([b"311"], b"311", ("311",)),
    ],
)
def test_an_entry_point_has_its_names_settings(own: list[bytes], name: bytes, entries: tuple[str, ...]) -> None:
    assert read_variant(entry_variant(b"", own, name)).entries == entries
    mixed = read_variant(entry_variant(b"BWRAP_ARGS=--new-session", own, name))
    assert (mixed.bwrap_args, mixed.entries) == ("--new-session", entries)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ([], b"shell"),
        (["ruff", "check"], b"ruff"),
        (["/v/bin/ruff"], b"ruff"),
        (["/v/bin/../bin/ruff"], b"ruff"),
        (["./ruff"], b""),
        (["/usr/bin/ruff"], b""),
    ],
)
def test_a_command_is_an_entry_point_by_name_or_in_its_place(command: list[str], name: bytes) -> None:
    assert entry_of(command, b"/v/bin") == name
