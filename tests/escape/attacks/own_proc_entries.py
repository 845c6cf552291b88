"""Gain by writing the process's own /proc entries: id maps, out-of-memory score, security attributes, login id, clocks."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

FILES = {
    "uid_map": "0 0 1", "gid_map": "0 0 1", "projid_map": "0 0 1", "setgroups": "allow", "oom_score_adj": "-1000", "oom_adj": "-17",
    "attr/exec": "unconfined", "attr/current": "unconfined", "attr/fscreate": "x", "attr/apparmor/exec": "exec unconfined",
    "loginuid": "0", "sessionid": "1", "timens_offsets": "monotonic 1 1", "make-it-fail": "1", "fail-nth": "1", "sched": "0",
    "patch_state": "0", "limits": "Max core file size unlimited", "task/1/uid_map": "0 0 1",
}

def attack():
    done = []
    for base in ("/proc/self/", "/proc/thread-self/", "/proc/1/"):
        for name, text in FILES.items():
            try:
                fd = os.open(base + name, os.O_WRONLY)
            except OSError:
                continue
            try:
                os.write(fd, text.encode())
                done.append(base + name)
            except OSError:
                pass
            os.close(fd)
    return done

def twin():
    for name, text in (("comm", "mine"), ("oom_score_adj", "500"), ("coredump_filter", "0x33")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    with open("/proc/self/comm") as file:
        return file.read()
"""


def check(lab: Lab, got: Got) -> None:
    harmless = ("/sched", "/loginuid") if lab.venv.user.is_root else ("/sched",)  # counters; an id for the audit's log
    assert [name for name in got.attack.value if not name.endswith(harmless)] == [], got.attack
    assert got.twin is not None and got.twin.value == "mine\n"
