"""Slow down the shell or make that started the session: its process group is the session's own."""

import os

from tests.escape.kit import Got, Lab


def setup(lab: Lab) -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
IOPRIO_SET = {"x86_64": 251}.get(os.uname().machine, 30)

def attack():
    done = []
    for which, who in ((os.PRIO_PGRP, 0), (os.PRIO_PGRP, os.getpgrp())):
        try:
            os.setpriority(which, who, min(19, os.getpriority(which, who) + 7))
            done.append(["setpriority", who])
        except OSError:
            pass
    if libc.syscall(IOPRIO_SET, 2, 0, 3 << 13) == 0:
        done.append("ioprio_set")
    if done:
        return done
    raise PermissionError(1, "none")

def twin():
    wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
    os.setpriority(os.PRIO_PROCESS, 0, wanted)
    return os.getpriority(os.PRIO_PROCESS, 0) - wanted
"""


def check(lab: Lab, got: Got) -> None:
    assert not got.attack.ok, got.attack
    assert os.getpriority(os.PRIO_PROCESS, 0) == lab.given["priorities"]
    assert got.twin is not None and got.twin.value == 0
