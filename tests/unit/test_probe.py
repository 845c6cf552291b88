"""What the probe starts leaves nothing, whatever becomes of it: a bwrap that dies leaves a child that waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from sandbox_venv.probe import run_alone

LEAVES_A_CHILD = "import os, time\npid = os.fork()\nif not pid: time.sleep(600)\nos.write(2, b'%d' % pid)\nos._exit(3)"


def is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_that_is_left_waiting_is_not_waited_for_and_killed() -> None:
    status, said = run_alone([sys.executable, "-c", LEAVES_A_CHILD], 0, 600)
    assert status == 3
    end = time.monotonic() + 10
    while is_there(int(said)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_there(int(said))


def test_what_does_not_end_is_killed() -> None:
    reader, writer = os.pipe()
    with pytest.raises(subprocess.TimeoutExpired):
        run_alone([sys.executable, "-c", "import time; time.sleep(600)"], writer, 0.5)
    os.close(writer)
    assert os.read(reader, 1) == b""  # nobody holds its other end any more
    os.close(reader)
