"""Attach to shared memory, queues and semaphores of the host by their keys and ids, System V and POSIX."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from tests.escape.kit import Got, Lab

IPC_CREAT, IPC_RMID = 0o1000, 0


def setup(lab: Lab) -> dict[str, Any]:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    key = 0x5E000000 | os.getpid() << 4 | lab.venv.user.is_root << 1 | (lab.venv.backend == "native")
    segment = libc.shmget(key, 4096, IPC_CREAT | 0o666)
    assert segment >= 0
    ctypes.memmove(libc.shmat(segment, None, 0), lab.secret().encode(), 30)
    queue, semaphores = libc.msgget(key, IPC_CREAT | 0o666), libc.semget(key, 1, IPC_CREAT | 0o666)
    file = Path("/dev/shm") / f"escape-{key:x}"
    file.write_text(lab.secret())
    file.chmod(0o666)
    lab.cleanups += [
        lambda: libc.shmctl(segment, IPC_RMID, None),
        lambda: libc.msgctl(queue, IPC_RMID, None),
        lambda: libc.semctl(semaphores, 0, IPC_RMID),
        file.unlink,
    ]
    return {"key": key, "ids": [segment, queue, semaphores], "file": str(file)}


ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p

def attack():
    key = GIVEN["key"]
    found = [libc.shmget(key, 0, 0), libc.msgget(key, 0), libc.semget(key, 0, 0)]
    for number in (*GIVEN["ids"], 0, 1, 2):
        address = libc.shmat(number, None, 0o10000)
        if address != ctypes.c_void_p(-1).value:
            found.append(ctypes.string_at(address, 100).decode("latin-1"))
    with open("/proc/sysvipc/shm") as file:
        found.append(len(file.readlines()))
    found.append(os.listdir("/dev/shm"))
    found.append(os.path.exists(GIVEN["file"]))
    return found

def twin():
    number = libc.shmget(0x1234, 4096, 0o1600)
    address = libc.shmat(number, None, 0)
    ctypes.memmove(address, b"mine", 4)
    text = ctypes.string_at(address, 4).decode()
    libc.shmdt(ctypes.c_void_p(address))
    libc.shmctl(number, 0, None)
    from multiprocessing import shared_memory
    memory = shared_memory.SharedMemory(create=True, size=16)
    memory.buf[:4] = b"also"
    also = bytes(memory.buf[:4]).decode()
    memory.close()
    memory.unlink()
    return [text, also]
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [-1, -1, -1, 1, [], False], got.attack
    assert got.twin is not None and got.twin.value == ["mine", "also"]
