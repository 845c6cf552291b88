"""Have a capability, get one, or hold a process that can: sets, no_new_privs, ids, set-uid files, user namespaces."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

def attack():
    with open("/proc/self/status") as file:
        status = dict(line.split(None, 1) for line in file if line.startswith(("Cap", "NoNew", "Seccomp:")))
    with open("/proc/1/status") as file:
        init = dict(line.split(None, 1) for line in file if line.startswith(("Cap", "NoNew")))
    held = [int(status[name + ":"], 16) | int(init[name + ":"], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    gained = []
    for change in (lambda: os.setuid(0 if os.getuid() else 1), lambda: os.setgid(0 if os.getgid() else 1),
                   lambda: os.setgroups([0, 27]), lambda: os.chown("/tmp", 12345, 12345), lambda: os.nice(-5),
                   lambda: os.chroot("/tmp"), lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))):
        try:
            change()
            gained.append(repr(change))
        except OSError:
            pass
    return [held, status["NoNewPrivs:"].strip(), init["NoNewPrivs:"].strip(), status["Seccomp:"].strip(), gained]

def twin():
    os.setuid(os.getuid())
    return os.nice(1) >= 0
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [[0] * 5, "1", "1", "2", []], got.attack
    assert got.twin is not None and got.twin.value is True
