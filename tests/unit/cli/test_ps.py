"""Whose sandbox a command line of ``run`` started: as ``run`` itself finds the venv."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox_venv.commands.ps import _venv_of


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
        found = _venv_of(process.pid, words.split(), str(tmp_path))
        process.kill()
    assert found == venv.format(os.path.realpath(tmp_path))
