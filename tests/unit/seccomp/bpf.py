"""A classic BPF interpreter, so that a filter of any machine can be asked about any call without making it."""

from __future__ import annotations

import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7, "arm": 0x40000028}  # linux/audit.h
ALLOW = 0x7FFF0000  # linux/seccomp.h: SECCOMP_RET_ALLOW, _ERRNO
ERRNO = 0x00050000


def seccomp_data(machine: str, number: int, arguments: tuple[int, ...] = ()) -> bytes:
    """Return `struct seccomp_data` of a call, linux/seccomp.h."""
    values = [value & 0xFFFFFFFFFFFFFFFF for value in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    return struct.pack("<iIQ6Q", number, AUDIT_ARCH[machine], 0, *values)


def run(program: bytes, data: bytes) -> int:
    """Return what the filter answers, linux/filter.h; jumps only go forward, so it ends."""
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, true, false, k = instructions[at]
        at += 1
        if code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif code == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            accumulator &= k
        elif code == 0x05:  # BPF_JMP | BPF_JA
            at += k
        elif code == 0x06:  # BPF_RET | BPF_K
            return int(k)
        else:
            holds = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k, 0x45: accumulator & k}
            at += true if holds[code] else false


def answer(program: bytes, machine: str, number: int, *arguments: int) -> int:
    """Return the errno that the filter answers with; 0 = allowed."""
    action = run(program, seccomp_data(machine, number, arguments))
    if action == ALLOW:
        return 0
    assert action & 0xFFFF0000 == ERRNO, hex(action)
    return action & 0xFFFF
