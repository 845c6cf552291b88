"""Reach the kernel's larger surface: what the policy names as refused, called so that only a filter's answer passes."""

import platform

from tests.escape.kit import Got, Lab
from tests.support.programs import lack

ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {  # x86_64; bad pointers and descriptors: reached, the kernel would say EFAULT, EBADF, EINVAL
    "ptrace": 101, "syslog": 103, "_sysctl": 156, "acct": 163, "settimeofday": 164, "swapon": 167, "reboot": 169,
    "sethostname": 170, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179,
    "lookup_dcookie": 212, "clock_settime": 227, "mbind": 237, "get_mempolicy": 239, "kexec_load": 246, "add_key": 248,
    "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272, "vmsplice": 278, "move_pages": 279,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435, "openat2": 437, "pidfd_getfd": 438,
    "process_madvise": 440, "quotactl_fd": 443, "memfd_secret": 447, "cachestat-not": 9999, "statmount": 457,
    "map_shadow_stack": 453, "lsm_set_self_attr": 460, "uselib": 134, "ustat": 136, "sysfs": 139, "modify_ldt": 154,
    "vhangup": 153, "adjtimex": 159, "setdomainname": 171, "nfsservctl": 180,
}

def attack():
    reached = []
    for name, number in CALLS.items():
        result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-4096)] * 6)
        error = ctypes.get_errno()
        if result != -1 or error not in (1, 38):
            reached.append([name, result, error])
    for family in (9, 16, 17, 21, 29, 30, 31, 38, 40, 44):
        for kind in (2, 3, 5):
            if family == 16:
                fd = libc.socket(16, kind, 9)  # NETLINK_AUDIT
            else:
                fd = libc.socket(family, kind, 0)
            if fd >= 0:
                reached.append(["socket", family, kind])
    for value in (0x0040000, 0x0400000, 0x100000):
        if libc.personality(ctypes.c_ulong(value)) != -1:
            reached.append(["personality", value])
    return reached

def twin():
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    return client.getpeername()[0]
"""


def check(lab: Lab, got: Got) -> None:
    if platform.machine() != "x86_64":
        lack("the numbers are those of x86_64")
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value == "127.0.0.1"
