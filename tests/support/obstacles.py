"""Run as a script: make what containers and administrators do to user namespaces, for real, and start a program there.

    obstacles.py limit|filter|mounts|proc PROGRAM ARGS…

limit: user.max_user_namespaces is 0, in a user namespace around the program. filter: a seccomp filter refuses user
namespaces, as Docker's does. mounts: one refuses every way to mount. proc: a file of /proc is covered, as in containers.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

NEWUSER, NEWNS = 0x10000000, 0x00020000
NUMBERS = {  # clone, clone3, unshare; then what mounts
    "x86_64": ((56, 435, 272), (165, 166, 155, 428, 429, 442)),
    "aarch64": ((220, 435, 97), (40, 39, 41, 428, 429, 442)),
}
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), what)


def enter_user_namespace(flags: int = 0) -> None:
    uid, gid = os.geteuid(), os.getegid()
    check(LIBC.unshare(NEWUSER | flags), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def refuse(numbers: tuple[int, ...], namespaces: tuple[int, ...] = ()) -> None:
    """Load a filter: EPERM for ``numbers``, and for ``namespaces`` where the first argument has CLONE_NEWUSER."""
    eperm, allow = (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)
    lines = []
    for number in numbers:
        lines += [(0x20, 0, 0, 0), (0x15, 0, 1, number), eperm]
    for number in namespaces:
        lines += [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x45, 0, 1, NEWUSER), eperm]
    lines.append(allow)
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(lines), ctypes.addressof(code)))
    check(LIBC.prctl(38, 1, 0, 0, 0), "prctl")  # PR_SET_NO_NEW_PRIVS
    check(LIBC.prctl(22, 2, program, 0, 0), "seccomp")  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def main(how: str, argv: list[str]) -> None:
    (clone, clone3, unshare), mounting = NUMBERS[os.uname().machine]
    if how == "limit":
        enter_user_namespace()
        with open("/proc/sys/user/max_user_namespaces", "w", encoding="ascii") as file:
            file.write("0")
    elif how == "filter":
        refuse((clone3,), (clone, unshare))
    elif how == "mounts":
        refuse(mounting)
    elif how == "proc":
        enter_user_namespace(NEWNS)
        check(LIBC.mount(b"/dev/null", b"/proc/interrupts", None, ctypes.c_ulong(0x1000), None), "mount")  # MS_BIND
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
