"""Undo the restrictions by prctl(2) and its kin: no_new_privs, seccomp, ambient and securebits, dumpable, memory map."""

from tests.escape.kit import Got, Lab

ATTACK = """
import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)

def attack():
    done = []
    calls = {
        "no_new_privs off": (38, 0, 0, 0, 0), "seccomp off": (22, 0, 0, 0, 0), "securebits": (28, 0x2F, 0, 0, 0),
        "ambient raise": (47, 2, 21, 0, 0), "ambient raise 0": (47, 2, 0, 0, 0), "set_mm": (35, 1, 0x10000, 0, 0),
        "set_mm exe": (35, 13, 0, 0, 0), "io_flusher": (57, 1, 0, 0, 0), "bset add": (24, 99, 0, 0, 0),
        "core_sched": (62, 1, 1, 0, 0), "endian": (20, 1, 0, 0, 0),
    }
    for name, words in calls.items():
        if libc.prctl(*[ctypes.c_ulong(word) for word in words]) == 0:
            done.append(name)
    for name, number in (("CORE", resource.RLIMIT_CORE), ("NICE", 13), ("RTPRIO", 14)):
        soft, hard = resource.getrlimit(number)
        try:
            resource.setrlimit(number, (-1, -1))
            done.append("raised " + name) if (soft, hard) != (-1, -1) else None
        except (OSError, ValueError):
            pass
    data = (ctypes.c_uint32 * 6)(0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0)
    if libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), data) == 0:
        done.append("capset")
    for call in (libc.setuid, libc.setgid, libc.seteuid, libc.setegid, libc.setfsuid):
        before = os.getresuid(), os.getresgid()
        call(0 if os.getuid() else 1)
        if (os.getresuid(), os.getresgid()) != before:
            done.append(call.__name__)
    with open("/proc/self/status") as file:
        status = dict(line.split(None, 1) for line in file if line.startswith(("NoNew", "Seccomp:", "CapEff")))
    return [done, status["NoNewPrivs:"].strip(), status["Seccomp:"].strip(), int(status["CapEff:"], 16)]

def twin():
    libc.prctl(15, b"name", 0, 0, 0)
    libc.prctl(1, 9, 0, 0, 0)
    return libc.prctl(4, 1, 0, 0, 0)
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [[], "1", "2", 0], got.attack
    assert got.twin is not None and got.twin.value == 0
