"""Which calls are tried on the kernel, and with which arguments: bad ones, so that reaching it does nothing."""

from __future__ import annotations

BAD = 1
"""A pointer that is never mapped: EFAULT = the kernel was reached"""
ALL = 2**64 - 1

REFUSED: dict[str, tuple[int, ...]] = {
    "unshare": (ALL,), "setns": (ALL, 0), "mount": (BAD, BAD, BAD, 0, BAD), "umount2": (BAD, 0),
    "pivot_root": (BAD, BAD),
    "chroot": (BAD,), "add_key": (BAD, BAD, BAD, 1, 0), "keyctl": (9999,), "request_key": (BAD, BAD, BAD, 0),
    "ptrace": (9999, 0), "process_vm_readv": (0, BAD, 1, BAD, 1, 1), "process_vm_writev": (0, BAD, 1, BAD, 1, 1),
    "pidfd_getfd": (ALL, 0, 0), "kcmp": (0, 0, 99), "bpf": (9999, BAD, 0), "perf_event_open": (BAD, 0, 0, 0, 0),
    "userfaultfd": (ALL,), "open_by_handle_at": (ALL, BAD, 0), "fanotify_init": (ALL, 0), "syslog": (99, BAD, 1),
    "quotactl": (ALL, BAD, 0, BAD), "quotactl_fd": (ALL, 99, 0, BAD), "swapon": (BAD, 0), "swapoff": (BAD,),
    "kexec_load": (0, ALL, BAD, ALL), "kexec_file_load": (ALL, ALL, 0, BAD, ALL), "init_module": (BAD, 0, BAD),
    "finit_module": (ALL, BAD, ALL), "delete_module": (BAD, 0), "settimeofday": (BAD, 0), "clock_settime": (0, BAD),
    "clock_adjtime": (0, BAD), "adjtimex": (BAD,), "reboot": (0, 0, 0, 0), "sethostname": (BAD, 5),
    "setdomainname": (BAD, 5), "modify_ldt": (1, BAD, 1), "iopl": (99,), "ioperm": (ALL, ALL, 0), "acct": (BAD,),
    "vhangup": (), "get_mempolicy": (BAD, 0, 0, 0, 0), "mbind": (BAD, 1, 999, 0, 0, 0), "set_mempolicy": (999, 0, 0),
    "set_mempolicy_home_node": (BAD, 1, 0, 1), "migrate_pages": (0, 64, BAD, BAD),
    "move_pages": (0, 1, BAD, BAD, BAD, 0),
    "clone": (0x10000000 | 0x8000 | 0x1000,),  # CLONE_NEWUSER with CLONE_PARENT: EINVAL
    "personality": (0x0400000,),
}  # fmt: skip
"""Answered with EPERM by filter A"""

NO_FAMILY = {
    "AF_PACKET": (17, 3, 0), "AF_VSOCK": (40, 1, 0), "AF_ALG": (38, 5, 0), "AF_CAN": (29, 3, 1), "AF_TIPC": (30, 1, 0),
    "AF_RDS": (21, 5, 0), "AF_KEY": (15, 3, 2), "AF_BLUETOOTH": (31, 1, 3), "AF_X25": (9, 5, 0), "AF_SMC": (43, 1, 0),
    "AF_XDP": (44, 3, 0), "high bits": (17 | 0xDEADBEEF << 32, 3, 0),
}  # fmt: skip

ABSENT: dict[str, tuple[int, ...]] = {
    "clone3": (BAD, 0), "io_uring_setup": (0, BAD), "io_uring_enter": (ALL, 0, 0, 0),
    "io_uring_register": (ALL, 0, 0, 0),
    "openat2": (ALL, BAD, BAD, 0), "open_tree": (ALL, BAD, ALL), "open_tree_attr": (ALL, BAD, ALL, BAD, 0),
    "move_mount": (ALL, BAD, ALL, BAD, ALL), "fsopen": (BAD, ALL), "fsconfig": (ALL, 99, BAD, BAD, 0),
    "fsmount": (ALL, ALL, 0), "fspick": (ALL, BAD, ALL), "mount_setattr": (ALL, BAD, ALL, BAD, 0),
    "statmount": (BAD, BAD, 0, ALL), "listmount": (BAD, BAD, 0, ALL), "vmsplice": (ALL, BAD, 1, 0),
    "name_to_handle_at": (ALL, BAD, BAD, BAD, ALL), "memfd_secret": (ALL,), "map_shadow_stack": (0, 0, ALL),
    "process_madvise": (ALL, BAD, 1, 0, 0), "fanotify_mark": (ALL, 0, 0, ALL, BAD),
    "lookup_dcookie": (0, BAD, 0), "lsm_set_self_attr": (0, BAD, 0, ALL), "a call of the future": (),
}  # fmt: skip
"""Answered with ENOSYS by filter A. (Not uretprobe: since Linux 6.14 no filter sees it, and strangers get SIGILL.)"""

TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
DENIED: list[tuple[str, tuple[int, ...]]] = [
    *(("ioctl", (ALL, what | high)) for what in (TIOCSTI, TIOCLINUX, TIOCSETD) for high in (0, 1 << 32, ALL << 32)),
    *(
        (name, (*before, mode))
        for mode in (0o4755, 0o2755, 0o6000, 0o102644, 0o4755 | ALL << 32)
        for name, before in (
            ("chmod", (BAD,)), ("fchmod", (ALL,)), ("fchmodat", (ALL, BAD)), ("fchmodat2", (ALL, BAD)),
            ("mknod", (BAD,)),
            ("mknodat", (ALL, BAD)), ("mkdir", (BAD,)), ("mkdirat", (ALL, BAD)), ("creat", (BAD,)),
            ("open", (BAD, 0o101)),
            ("openat", (ALL, BAD, 0o101)), ("open", (BAD, 0o20200002)), ("openat", (ALL, BAD, 0o20200002)),
        )
    ),
]  # fmt: skip
"""Answered with EPERM by filter B"""

REACHED: list[tuple[str, tuple[int, ...], str]] = [
    *(("ioctl", (ALL, request), "errno 9") for request in (0x5401, 0x5413, 0x5410, 0x540E, 0x5411)),
    ("chmod", (BAD, 0o1777), "errno 14"),
    ("fchmod", (ALL, 0o755), "errno 9"),
    ("fchmodat", (0, BAD, 0o755), "errno 14"),
    ("mkdir", (BAD, 0o1777), "errno 14"),
    ("mkdirat", (0, BAD, 0o755), "errno 14"),
    ("mknodat", (0, BAD, 0o10644), "errno 14"),
    ("open", (BAD, 0, 0o6777), "errno 14"),
    ("openat", (0, BAD, 0o2000000, 0o6777), "errno 14"),
    ("openat", (0, BAD, 0o101, 0o644), "errno 14"),
    ("socket", (1, 1, 0), "ok"),
    ("socket", (2, 1 | 0o2000000, 6), "ok"),
    ("socket", (2 | ALL << 32, 1, 0), "ok"),
    ("socket", (16, 3, 0), "ok"),
    ("socketpair", (1, 1, 0, BAD), "errno 14"),
    ("personality", (0xFFFFFFFF,), "ok"),
    ("execve", (BAD, BAD, BAD), "errno 14"),
    ("execveat", (0, BAD, BAD, BAD, 0), "errno 14"),
    ("landlock_create_ruleset", (0, 0, 1), "ok"),
    ("seccomp", (2, 0, BAD), "errno 14"),
    ("prctl", (39, 0, 0, 0, 0), "ok"),
    ("memfd_create", (BAD, 0), "errno 14"),
    ("statx", (0, BAD, 0, 0, BAD), "errno 14"),
    ("waitid", (0, 0, 0, 4, 0), "errno 10"),
    ("copy_file_range", (ALL, 0, ALL, 0, 1, 0), "errno 9"),
    ("futex_waitv", (BAD, 0, 0, 0, 0), "errno 22"),
    ("fchmodat2", (0, BAD, 0o755, 0), "errno 14"),
    ("cachestat", (ALL, BAD, BAD, 0), "errno 9"),
]
"""Reaches the kernel under every filter: the allowed twins, and what the kernel says to them"""
