"""The record: what is written is read, anything else is refused in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir
from sandbox_venv.venv import Record, find_record, read_record, wrap_venv
from sandbox_venv.venv.record import MAX_SIZE, RECORD, Found, decode_record, encode_record, write_record


@pytest.fixture
def record(state: StateDir, venv: Path) -> Record:
    return wrap_venv(venv, state=state, options=[b"--ro-bind", b"/\xff \n", b"/b"], backend="native")


def test_what_is_written_is_read(record: Record, state: StateDir) -> None:
    assert read_record(record.folder) == record
    assert state.registry() == [record]
    assert record.option_bytes == [b"--ro-bind", b"/\xff \n", b"/b"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    options=st.lists(st.binary().filter(lambda option: b"\0" not in option)),
    name=st.binary(min_size=1).filter(lambda name: not {b"/"[0], 0} & set(name) and name not in (b".", b"..")),
)
def test_any_bytes_survive(record: Record, options: list[bytes], name: bytes) -> None:
    text = os.fsdecode(name)
    changed = replace(
        record, options=tuple(map(os.fsdecode, options)), entries=(text,), found={text: Found("link", target=text)}
    )
    again = decode_record(encode_record(changed), record.folder)
    assert again == changed
    assert again.option_bytes == options


def change(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update({name: value})


@pytest.mark.parametrize(
    "damage",
    [
        change("version", 2),
        change("version", True),
        change("venv", "relative"),
        change("venv", "/a/../b"),
        change("venv", "/a\0"),
        change("project", None),
        change("backend", "docker"),
        change("options", ["a", 1]),
        change("options", "--bind"),
        change("options", ["\0"]),
        change("options", ["\ud800"]),
        change("copies", 1),
        change("entries", [".."]),
        change("entries", ["a/b"]),
        change("found", {"../x": {}}),
        change("found", {"x": {"kind": "file"}}),
        change("base", {"version": [3, 11]}),
        change("base", []),
        change("earlier", [["a"]]),
        lambda data: data.pop("code"),
    ],
)
def test_damaged_record_is_refused(record: Record, damage: Callable[[dict[str, Any]], None]) -> None:
    path = record.folder / RECORD
    data = json.loads(path.read_bytes())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(SandboxError, match="read record") as error:
        read_record(record.folder)
    assert str(error.value.hint).startswith("wrap the venv again")
    assert "\n" not in error.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100000, b'"x"' + b" " * MAX_SIZE])
def test_garbage_is_refused(record: Record, text: bytes) -> None:
    (record.folder / RECORD).write_bytes(text)
    with pytest.raises(SandboxError, match="read record"):
        read_record(record.folder)


def test_record_that_another_could_write_is_refused(record: Record, tmp_path: Path) -> None:
    path = record.folder / RECORD
    path.chmod(0o620)
    with pytest.raises(SandboxError, match="this user alone"):
        read_record(record.folder)
    path.chmod(0o600)
    path.rename(tmp_path / "record")
    path.symlink_to(tmp_path / "record")
    with pytest.raises(SandboxError, match="read record"):
        read_record(record.folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(SandboxError, match="not a regular file"):
        read_record(record.folder)


def test_record_of_another_venv_is_not_this_ones(record: Record, state: StateDir, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_record(state, replace(record, folder=state.venv_dir(other)))
    with pytest.raises(SandboxError, match="of another venv"):
        find_record(state, other)
    assert find_record(state, tmp_path / "none") is None


def test_damaged_record_is_made_anew_by_wrapping(record: Record, state: StateDir) -> None:
    (record.folder / RECORD).write_text("{}")
    said: list[str] = []
    again = wrap_venv(record.venv, state=state, out=said.append)
    assert "earlier options are lost" in said[0]
    assert again.options == ()
    assert again.found.keys() == record.found.keys()
    assert {name: item.sha256 for name, item in again.found.items()} == {
        name: item.sha256 for name, item in record.found.items()
    }
