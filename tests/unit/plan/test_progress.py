"""What a person sees while a plan is compiled: one line, a bar where it takes long; nothing where nobody looks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness import ROOT

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from sandbox_venv.plan import progress
progress.DELAY, progress.STEP = float(sys.argv[2]), 0.01
with progress.Progress("\\x1b[2J changed"):
    if float(sys.argv[2]) < 1:
        time.sleep(0.5)
    progress.say_waiting()
"""
LINES = (
    "sandbox-venv: compiling this sandbox's plan ('\\x1b[2J changed')\n"
    "sandbox-venv: waiting for another process that does the same\n"
)


def screen(delay: float) -> str:
    """Return what the script writes to a terminal."""
    master, slave = os.openpty()
    with os.fdopen(master, "rb", buffering=0) as file:
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(ROOT), str(delay)], stderr=slave)
        os.close(slave)
        text = b""
        try:
            while data := file.read(4096):
                text += data
        except OSError:  # EIO: the other end is closed
            pass
    assert done.returncode == 0
    return text.decode().replace("\r\n", "\n")


def test_a_short_compile_is_one_line() -> None:
    assert screen(3600) == LINES


def test_a_long_one_has_a_bar_that_moves_and_is_wiped_away() -> None:
    text = screen(0.01)
    first, *_, last = text.replace(LINES.splitlines()[1] + "\n", "").split("\r")
    assert first == LINES.splitlines()[0] + "\n"
    assert last == "\x1b[K"
    bars = {part for part in text.split("\r") if part.startswith("[") and part.endswith("]")}
    assert len(bars) > 2
    assert all(len(bar) == 26 and bar.strip("[] ") == "####" for bar in bars)


def test_nothing_is_said_where_nobody_looks(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", SCRIPT, str(ROOT), "0.01"], stderr=log, check=True)
    assert (tmp_path / "log").read_bytes() == b""
