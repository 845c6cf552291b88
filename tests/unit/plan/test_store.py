"""What is written into the venv when a plan is stored: sessions have been there before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox_venv.plan.store import leave_marker


@pytest.mark.parametrize("planted", ["link", "link of its directory", "fifo", "directory"])
def test_the_note_in_the_venv_is_written_through_nothing_planted(tmp_path: Path, planted: str) -> None:
    venv, victim = tmp_path / "venv", tmp_path / "victim"
    (venv / "sandbox").mkdir(parents=True)
    victim.mkdir()
    (victim / "sandbox-venv.cache").write_text("kept")
    note = venv / "sandbox/sandbox-venv.cache"
    if planted == "link":
        note.symlink_to(victim / "sandbox-venv.cache")
    elif planted == "fifo":
        os.mkfifo(note)  # nobody reads: it must not wait
    elif planted == "directory":
        note.mkdir()
    else:
        note.parent.rmdir()
        note.parent.symlink_to(victim)
    leave_marker(str(venv), b"/state/run.plan")
    assert (victim / "sandbox-venv.cache").read_text() == "kept"


def test_the_note_names_the_plan(tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    leave_marker(str(tmp_path), b"/state/run.plan")
    assert "/state/run.plan" in (tmp_path / "sandbox/sandbox-venv.cache").read_text()
