"""Taking over what an install left: names and kinds only, whatever was planted."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir
from sandbox_venv.venv import Record, adopt, read_record, wrap_venv
from sandbox_venv.venv.launchers import read_launcher
from tests.unit.venv.trees import snapshot


@pytest.fixture
def record(state: StateDir, venv: Path) -> Record:
    return wrap_venv(venv, state=state, options=[b"--unshare-net"])


def put(folder: Path, name: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_launchers_come_and_go_with_the_originals(state: StateDir, venv: Path, record: Record) -> None:
    apart = venv / "sandbox" / "bin"
    put(apart, "tool")
    (apart / "tool-link").symlink_to("tool")
    (apart / "pip").unlink()
    assert adopt(record, state) == ["new entry point tool", "new entry point tool-link", "entry point pip is gone"]
    assert read_launcher(venv / "bin" / "tool") == (bytes(record.folder), b"tool")
    again = read_record(record.folder)
    assert again.entries == ("away", "python", "python3", "shell", "tool", "tool-link")
    assert again.options == ("--unshare-net",)
    assert adopt(again, state) == []


def test_many_new_files_get_no_launchers(
    state: StateDir, venv: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = venv / "sandbox" / "bin"
    before = len(record.entries)
    monkeypatch.setattr(sys.modules["sandbox_venv.venv.adopt"], "MOST_LAUNCHERS", before + 2)
    for number in range(5):
        put(apart, f"tool{number}")
    added = ["new entry point tool0", "new entry point tool1"]
    left = f"3 more files in bin/ (from tool2 on) got no launcher: {before + 2} are many; to have one for each: "
    assert adopt(record, state) == [*added, left + "sandbox-venv wrap"]
    assert not os.path.lexists(venv / "bin/tool2")
    assert len(read_record(record.folder).entries) == before + 2
    assert adopt(read_record(record.folder), state) == [left + "sandbox-venv wrap"]
    wrap_venv(venv, state=state)
    assert all((venv / "bin" / f"tool{number}").exists() for number in range(5))


def test_nothing_to_do_writes_nothing(state: StateDir, venv: Path, record: Record) -> None:
    before = (record.folder / "record.json").stat()
    assert adopt(record, state) == []
    assert (record.folder / "record.json").stat().st_ino == before.st_ino
    assert sorted(os.listdir(venv / "sandbox")) == ["bin"]


def test_plan_cache_is_removed(state: StateDir, venv: Path, record: Record) -> None:
    (venv / "sandbox" / "sandbox-venv.cache").write_text("x")
    adopt(record, state)
    assert not (venv / "sandbox" / "sandbox-venv.cache").exists()


@pytest.mark.parametrize("name", ["-rf", "new\nline", "\udcff", "a b", "...", "'\"$`", "x" * 255])
def test_odd_names_get_launchers(state: StateDir, venv: Path, record: Record, name: str) -> None:
    put(venv / "sandbox" / "bin", name)
    notes = adopt(record, state)
    assert all(note.isprintable() for note in notes)
    assert read_launcher(venv / "bin" / name) == (bytes(record.folder), os.fsencode(name))
    (venv / "sandbox" / "bin" / name).unlink()
    adopt(record, state)
    assert not os.path.lexists(venv / "bin" / name)


@pytest.mark.parametrize("name", ["activate.new", "activate", "Activate.ps1", "activate_this.py", "deactivate"])
def test_scripts_that_shells_source_are_never_taken_over(
    state: StateDir, venv: Path, record: Record, name: str
) -> None:
    outer = snapshot(venv / "bin")
    put(venv / "sandbox" / "bin", name)
    adopt(record, state)
    assert snapshot(venv / "bin") == outer


def test_what_is_no_file_or_link_is_ignored(state: StateDir, venv: Path, record: Record) -> None:
    apart = venv / "sandbox" / "bin"
    os.mkfifo(apart / "fifo", 0o755)
    (apart / "directory").mkdir()
    (apart / "to-directory").symlink_to("directory")
    put(apart, "data", 0o644)
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(apart)
        sock.bind("socket")
        os.chdir(here)
    assert adopt(record, state) == []
    assert record.entries == read_record(record.folder).entries


def test_link_is_never_followed(state: StateDir, venv: Path, record: Record, tmp_path: Path) -> None:
    victim = put(tmp_path, "victim", 0o600)
    (venv / "sandbox" / "bin" / "link").symlink_to(victim)
    (venv / "bin" / "planted").symlink_to(victim)
    (venv / "sandbox" / "bin" / "planted").symlink_to(victim)
    before = victim.lstat()
    notes = adopt(record, state)
    after = victim.lstat()
    assert (before.st_ino, before.st_mtime_ns, before.st_mode, before.st_nlink) == (
        after.st_ino, after.st_mtime_ns, after.st_mode, after.st_nlink,
    )  # fmt: skip
    assert any("planted in bin/ is no launcher" in note for note in notes)
    assert (venv / "bin" / "planted").is_symlink()
    assert not (venv / "bin" / "link").is_symlink()


@pytest.mark.parametrize("name", ["bin", "new"])
def test_link_in_place_of_our_directories_is_refused(
    state: StateDir, venv: Path, record: Record, tmp_path: Path, name: str
) -> None:
    (tmp_path / "victim").mkdir()
    put(tmp_path / "victim", "file")
    place = venv / "sandbox" / name
    if place.exists():
        shutil.rmtree(place)
    place.symlink_to(tmp_path / "victim")
    outer = snapshot(venv / "bin")
    with pytest.raises(SandboxError, match="must be a directory"):
        adopt(record, state)
    assert snapshot(venv / "bin") == outer
    assert (tmp_path / "victim" / "file").exists()


def test_stage_left_behind_is_emptied(state: StateDir, venv: Path, record: Record) -> None:
    (venv / "sandbox" / "new" / "deep").mkdir(parents=True)
    put(venv / "sandbox" / "new", "python")
    outer = snapshot(venv / "bin")
    adopt(record, state)
    assert snapshot(venv / "bin") == outer
    assert not (venv / "sandbox" / "new").exists()


def test_name_that_hides_a_command_of_the_system_is_noted(state: StateDir, venv: Path, record: Record) -> None:
    put(venv / "sandbox" / "bin", "ls")
    put(venv / "sandbox" / "bin", "python3.99")
    hides = [note for note in adopt(record, state) if "hides" in note]
    assert hides == ["entry point ls hides the system's command of that name where the venv is active"]


def test_venv_unwrapped_meanwhile_is_left_alone(state: StateDir, venv: Path, record: Record) -> None:
    from sandbox_venv.venv import unwrap_venv

    unwrap_venv(venv, state)
    before = snapshot(venv)
    assert adopt(record, state) == []
    assert snapshot(venv) == before
