"""The outer activate scripts: deactivate_sandbox from any path, in each shell that is here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox_venv.venv.activate import BEGIN, STUB, add_block, strip_block

SHELLS = {
    "sh": ("activate", ". {} && deactivate_sandbox"),
    "bash": ("activate", "set -eu; . {} && deactivate_sandbox"),
    "zsh": ("activate", "set -eu; . {} && deactivate_sandbox"),
    "fish": ("activate.fish", "source {}; and deactivate_sandbox"),
    "tcsh": ("activate.csh", "source {} && eval deactivate_sandbox"),
}
TRICKY = ["plain", "a b", "$HOME`id`", "'\"\\", "\udcff", "new\nline", "!x!!", "-n", "*?[a]{b,c}", "é~#;&|"]


@given(text=st.binary(), folder=st.binary(min_size=1).filter(lambda path: b"sandbox-venv" not in path))
@example(text=BEGIN, folder=b"x")
@example(text=BEGIN[:-1], folder=b"x")
@pytest.mark.parametrize("name", ["activate", "activate.fish", "activate.csh", "activate.nu"])
def test_what_was_there_can_be_had_back(name: str, text: bytes, folder: bytes) -> None:
    own = strip_block(text)
    assert strip_block(add_block(name, own, Path("/" + os.fsdecode(folder.replace(b"\0", b""))))) == own


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
@pytest.mark.parametrize("odd", TRICKY, ids=ascii)
def test_deactivate_sandbox_starts_the_stub(tmp_path: Path, shell: str, odd: str) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    stub = folder / STUB
    stub.write_text('#!/bin/sh\necho "called with $#"\n')
    stub.chmod(0o755)
    name, command = SHELLS[shell]
    script = tmp_path / name
    script.write_bytes(add_block(name, b"# own\n", folder))
    done = subprocess.run(
        [str(shutil.which(shell)), "-c", command.format(script)],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HOME": "/"},
    )
    assert done.stdout == "called with 0\n", done.stderr
    assert done.returncode == 0
    assert done.stderr == ""
