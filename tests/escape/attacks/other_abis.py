"""Call the kernel by another ABI: x32 numbers, also with high bits, and numbers beyond all tables."""

import platform

from tests.escape.kit import Got, Lab
from tests.support.programs import lack

ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
X32 = 0x40000000

def attack():
    done = []
    for number in (0, 1, 2, 39, 41, 56, 57, 59, 101, 165, 272, 308, 321, 512, 520, 521, 545):
        for high in (X32, X32 | 1 << 32):
            ctypes.set_errno(0)
            result = libc.syscall(ctypes.c_long(number | high), -1, 0, 0, 0)
            if not (result == -1 and ctypes.get_errno() == 38):
                done.append([number, hex(high), result, ctypes.get_errno()])
    for number in (470, 480, 500, 547, 1000, 0x3FFFFFFF):
        ctypes.set_errno(0)
        if not (libc.syscall(ctypes.c_long(number), 0, 0, 0) == -1 and ctypes.get_errno() == 38):
            done.append([number, ctypes.get_errno()])
    return done

def twin():
    return libc.syscall({"x86_64": 39}.get(os.uname().machine, 172)) == os.getpid()
"""


def check(lab: Lab, got: Got) -> None:
    if platform.machine() != "x86_64":
        lack("the numbers are x86_64's")
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value is True
