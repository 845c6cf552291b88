"""What the compiled system call filters answer: they are asked, not the lists that they were made from."""

from __future__ import annotations

import errno
import platform
import struct

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""uname(2) machine: AUDIT_ARCH_*, linux/audit.h"""
ALLOW = 0x7FFF0000  # SECCOMP_RET_ALLOW, linux/seccomp.h
ERROR = 0x00050000  # SECCOMP_RET_ERRNO


def evaluate(program: bytes, data: bytes) -> int:
    """Return what a classic BPF program answers for a ``struct seccomp_data``; jumps only go forward, so it ends."""
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


def answer(program: bytes, number: int) -> str:
    """Return ``allowed`` or the error that a call with zeros as arguments gets; without a program all is allowed."""
    if not program:
        return "allowed"
    data = struct.pack("<iIQ6Q", number, ARCHITECTURES[platform.machine()], 0, *[0] * 6)
    action = evaluate(program, data)
    if action == ALLOW:
        return "allowed"
    if action & 0xFFFF0000 == ERROR:
        return errno.errorcode.get(action & 0xFFFF, str(action & 0xFFFF))
    return f"action {action:#x}"
