"""Whose sandbox a command line of ``run`` started: as ``run`` itself finds the venv."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox_venv.commands import ps


@pytest.mark.parametrize(
    ("words", "venv"),
    [
        ("run -- python --venv x", "{}/.venv"),
        ("run --venv other -- python", "{}/other"),
        ("run --venv=a --venv b -- python", "{}/b"),
        ("run --venv= -- python3", ""),
        ("shell other", "{}/other"),
        ("shell --unshare-net", "{}/.venv"),
    ],
)
def test_the_venv_of_a_command_line(tmp_path: Path, words: str, venv: str) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pyvenv.cfg").touch()
    with subprocess.Popen(["/bin/sleep", "60"], env={}) as process:  # without $VIRTUAL_ENV
        found = ps._venv_of(process.pid, words.split(), str(tmp_path))
        process.kill()
    assert found == venv.format(os.path.realpath(tmp_path))


ROWS = [
    ps.Sandbox(4711, 4712, (4713, 2), "pytest", "/home/me/proj/.venv", 3700.0, 5),
    ps.Sandbox(81234, 81235, None, "python -c " + "x" * 80, "", 3.5, 1),
]


@pytest.mark.parametrize("running", [[], ROWS])
def test_the_screen(
    running: list[ps.Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: Any
) -> None:
    """UPDATE_GOLDEN=1 writes the transcript."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(ps, "find_sandboxes", lambda _: running)
    assert ps.ps([]) == 0
    text = capfdbinary.readouterr().out.decode()
    path = Path(__file__).parent / "screens" / ("ps.txt" if running else "ps-none.txt")
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
