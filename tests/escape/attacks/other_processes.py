"""Look at processes outside: their environment, command lines, directories, descriptors."""

import os

from tests.escape.kit import Got, Lab


def setup(lab: Lab) -> list[int]:
    return [os.getpid(), os.getppid()]


ATTACK = """
import os

def attack():
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    strangers = []
    for pid in set(pids) | {str(pid) for pid in GIVEN} | {str(pid) for pid in range(1, 400)}:
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                line = file.read()
        except OSError:
            continue
        if b"python" not in line:
            strangers.append([pid, line.decode("latin-1")])
    return [strangers, len(pids) < 12, os.getppid() != 0, os.path.exists("/proc/1/task/1")]

def twin():
    with open("/proc/%d/cmdline" % os.getpid(), "rb") as file:
        return b"python" in file.read()
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [[], True, True, True], got.attack
    assert got.twin is not None and got.twin.value is True
