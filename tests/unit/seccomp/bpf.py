"""Asks a filter of any machine about any call without making it."""

from __future__ import annotations

import struct

from sandbox_venv.commands.filters import ALLOW, ERROR, evaluate

AUDIT_ARCH = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7, "arm": 0x40000028}  # linux/audit.h


def seccomp_data(machine: str, number: int, arguments: tuple[int, ...] = ()) -> bytes:
    """Return `struct seccomp_data` of a call, linux/seccomp.h."""
    values = [value & 0xFFFFFFFFFFFFFFFF for value in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    return struct.pack("<iIQ6Q", number, AUDIT_ARCH[machine], 0, *values)


def answer(program: bytes, machine: str, number: int, *arguments: int) -> int:
    """Return the errno that the filter answers with; 0 = allowed."""
    action = evaluate(program, seccomp_data(machine, number, arguments))
    if action == ALLOW:
        return 0
    assert action & 0xFFFF0000 == ERROR, hex(action)
    return action & 0xFFFF
