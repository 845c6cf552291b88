"""The kernel's names: constants spelled as the kernel spells them, and thin checked wrappers over libc.

Every wrapper takes bytes and numbers, and raises ``OSError(errno, strerror, path)``. Sources are named by
header (``linux/...`` as in include/uapi) or manual page. x86_64 and aarch64 are known; system calls from 424
on have the same number on both (asm-generic/unistd.h).

Hot: nothing but `inside/system.py` and `inside/ffi.py` may be imported here.
"""

from __future__ import annotations

from .inside import ffi
from .inside.ffi import declare, failure, get_errno
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AT_FDCWD = -100  # linux/fcntl.h
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

O_PATH_CLOEXEC = os.O_PATH | os.O_CLOEXEC
O_PATH_NOFOLLOW = os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW
O_PATH_DIRECTORY = os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY

RESOLVE_NO_MAGICLINKS = 0x02  # linux/openat2.h
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_IN_ROOT = 0x10

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
SIGCHLD = 17  # signal(7); equal on x86_64 and aarch64
SIGKILL = 9
MOST_DESCRIPTORS, SPARE = 64, 8  # left open while mounts are made; for what else is opened meanwhile

MS_RDONLY = 1  # linux/mount.h
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_SILENT = 32768
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2  # umount2(2)
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
READ_WRITE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
WITH_DEVICES = MOUNT_ATTR_NOSUID
CLONE_TREE = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECCOMP_MODE_FILTER = 2  # linux/seccomp.h
_LINUX_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
CAP_LAST_CAP = 40
RLIMIT_CORE = 4  # asm-generic/resource.h
RLIMIT_NOFILE = 7

DEVICES = (b"null", b"zero", b"full", b"random", b"urandom", b"tty")  # what a program expects below /dev
DEVICE_LINKS = (
    (b"/proc/self/fd/0", b"stdin"), (b"/proc/self/fd/1", b"stdout"), (b"/proc/self/fd/2", b"stderr"),
    (b"/proc/self/fd", b"fd"), (b"/proc/kcore", b"core"), (b"pts/ptmx", b"ptmx"),
)  # fmt: skip
DEVPTS_OPTIONS = b"newinstance,ptmxmode=0666,mode=620"  # Documentation/filesystems/devpts.rst

_X86_64 = {"capget": 125, "capset": 126, "clone": 56, "pivot_root": 155}
_AARCH64 = {"capget": 90, "capset": 91, "clone": 220, "pivot_root": 41}
NR = {"x86_64": _X86_64, "aarch64": _AARCH64}.get(os.uname().machine, {})
NR_open_tree = 428
NR_move_mount = 429
NR_pidfd_open = 434
NR_close_range = 436
NR_openat2 = 437
NR_mount_setattr = 442
NEWER = (NR_open_tree, NR_close_range, NR_openat2, NR_mount_setattr)  # than some kernels, or containers' filters
EPERM, ENOSYS = 1, 38  # errno(3)

_int, _long, _ulong, _bytes = ffi.c_int, ffi.c_long, ffi.c_ulong, ffi.c_char_p
_prctl = declare("prctl", _int, _ulong, _ulong, _ulong, _ulong)
_prctl_pointer = declare("prctl", _int, _ulong, _bytes, _ulong, _ulong)
_mount = declare("mount", _bytes, _bytes, _bytes, _ulong, _bytes)
_umount2 = declare("umount2", _bytes, _int)
_unshare = declare("unshare", _int)
_setns = declare("setns", _int, _int)
_sethostname = declare("sethostname", _bytes, _ulong)
_number = declare("syscall", _long, _long, _long, _long, _long)
_two_strings = declare("syscall", _long, _bytes, _bytes)
_dirfd_path = declare("syscall", _long, _long, _bytes, _ulong)
_openat2 = declare("syscall", _long, _long, _bytes, _bytes, _ulong)
_move_mount = declare("syscall", _long, _long, _bytes, _long, _bytes, _ulong)
_mount_setattr = declare("syscall", _long, _long, _bytes, _ulong, _bytes, _ulong)
_capget = declare("syscall", _long, _bytes, ffi.c_void_p)
_setrlimit = declare("setrlimit", _int, _bytes)
_getrlimit = declare("getrlimit", _int, ffi.c_void_p)
_poll = declare("poll", ffi.c_void_p, _ulong, _int)
_flock = declare("flock", _int, _int)


def u32(*values: int) -> bytes:
    """Return numbers as the kernel's u32 fields."""
    return b"".join([(value & 0xFFFFFFFF).to_bytes(4, "little") for value in values])


def u64(*values: int) -> bytes:
    """Return numbers as the kernel's u64 fields."""
    return b"".join([value.to_bytes(8, "little") for value in values])


def prctl(option: int, arg2: int = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
    """prctl(2) with plain numbers."""
    result: int = _prctl(option, arg2, arg3, arg4, arg5)
    if result < 0:
        raise failure()
    return result


def seccomp_filter(prog: bytes) -> None:
    """Apply ``prog``, raw ``struct sock_filter[]``; needs no_new_privs or CAP_SYS_ADMIN. seccomp(2).

    By prctl, so that a filter which is stacked under another one need not know seccomp(2).
    """
    array = ffi.buffer(len(prog), prog)
    fprog = (len(prog) // 8).to_bytes(8, "little") + u64(ffi.addressof(array))  # struct sock_fprog, padded
    if _prctl_pointer(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0) < 0:
        raise failure()


def seccomp_filters(programs: Iterable[bytes]) -> None:
    """Apply programs in order; empty ones are none."""
    for program in programs:
        if program:
            seccomp_filter(program)


def set_dumpable(dumpable: bool) -> None:
    """Say whether /proc/self belongs to the process's user, and whether others may trace it. prctl(2)."""
    prctl(PR_SET_DUMPABLE, 1 if dumpable else 0)


def mount(source: bytes | None, target: bytes, fstype: bytes | None, flags: int, data: bytes | None = None) -> None:
    """mount(2)."""
    if _mount(source, target, fstype, flags, data) < 0:
        raise failure(target)


def umount(target: bytes, flags: int = MNT_DETACH) -> None:
    """umount2(2)."""
    if _umount2(target, flags) < 0:
        raise failure(target)


def pivot_root(new_root: bytes, put_old: bytes) -> None:
    """pivot_root(2)."""
    if _two_strings(NR["pivot_root"], new_root, put_old) < 0:
        raise failure(new_root)


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _unshare(flags) < 0:
        raise failure()


def setns(fd: int, kind: int) -> None:
    """setns(2)."""
    if _setns(fd, kind) < 0:
        raise failure()


def sethostname(name: bytes) -> None:
    """sethostname(2)."""
    if _sethostname(name, len(name)) < 0:
        raise failure()


def openat2(dirfd: int, path: bytes, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """openat2(2); O_CLOEXEC is the caller's to give."""
    fd: int = _openat2(NR_openat2, dirfd, path, u64(flags, mode, resolve), 24)
    if fd < 0:
        raise failure(path)
    return fd


def open_tree(dirfd: int, path: bytes, flags: int) -> int:
    """open_tree(2)."""
    fd: int = _dirfd_path(NR_open_tree, dirfd, path, flags)
    if fd < 0:
        raise failure(path)
    return fd


def move_mount(tree: int, dirfd: int, path: bytes) -> None:
    """Attach the mount behind the descriptor ``tree``; a final symlink in ``path`` is not followed. move_mount(2)."""
    flags = MOVE_MOUNT_F_EMPTY_PATH if path else MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    if _move_mount(NR_move_mount, tree, b"", dirfd, path, flags) < 0:
        raise failure(path)


def mount_setattr(fd: int, flags: int, attr_set: int, propagation: int = 0) -> None:
    """Set mount attributes (never clear: locked ones can't be) of the mount at ``fd``. mount_setattr(2)."""
    attributes = u64(attr_set, 0, propagation, 0)
    if _mount_setattr(NR_mount_setattr, fd, b"", flags | AT_EMPTY_PATH, attributes, 32) < 0:
        raise failure()


def mount_group(root: int, sources: Sequence[bytes], targets: Sequence[bytes]) -> None:
    """Attach copies of the trees at ``sources`` at ``targets`` below ``root``, and make all that is there read-only.

    A source that is gone is left out: it has been removed since the plan was compiled.
    """
    most = min(MOST_DESCRIPTORS, getrlimit(RLIMIT_NOFILE)[0] - SPARE)
    for source, target in zip(sources, targets):
        tree = _dirfd_path(NR_open_tree, AT_FDCWD, source, CLONE_TREE)
        if tree < 0:
            if get_errno() == 2:  # ENOENT
                continue
            raise failure(source)
        if _move_mount(NR_move_mount, tree, b"", root, target, MOVE_MOUNT_F_EMPTY_PATH) < 0:
            raise failure(target)
        if tree >= most:  # the others are closed with one call at the end
            os.close(tree)
    mount_setattr(root, AT_RECURSIVE, READ_ONLY, MS_PRIVATE)


def pidfd_open(pid: int) -> int:
    """pidfd_open(2)."""
    fd: int = _number(NR_pidfd_open, pid, 0, 0, 0)
    if fd < 0:
        raise failure()
    return fd


def lacks(number: int) -> bool:
    """Tell whether there is no such call here: the kernel is older, or a container's filter refuses it.

    What has failed is asked for once more, with arguments that no kernel accepts: EINVAL, EBADF and the like come from
    the call itself. So a call that is there and failed is never taken for one that isn't, and nothing is replaced then.
    """
    return _number(number, -1, 0, -1, 0) < 0 and get_errno() in (EPERM, ENOSYS)


def close_range(first: int, last: int = 0xFFFFFFFF) -> None:
    """Close the descriptors from ``first`` to ``last``; also on kernels before 5.9. close_range(2)."""
    if first <= last and _number(NR_close_range, first, last, 0, 0) < 0:
        error = failure()
        if not lacks(NR_close_range):
            raise error
        os.closerange(first, min(last + 1, os.sysconf("SC_OPEN_MAX")))


def capget() -> tuple[int, int, int]:
    """Return this process's effective, permitted and inheritable capabilities as bit sets. capget(2)."""
    data = ffi.buffer(24)
    header = u32(_LINUX_CAPABILITY_VERSION_3, 0)
    if _capget(NR["capget"], header, data) < 0:
        raise failure()
    words = [int.from_bytes(data.raw[at : at + 4], "little") for at in range(0, 24, 4)]
    return words[0] | words[3] << 32, words[1] | words[4] << 32, words[2] | words[5] << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this process's capability sets. capset(2)."""
    low = u32(effective, permitted, inheritable)
    high = u32(effective >> 32, permitted >> 32, inheritable >> 32)
    if _two_strings(NR["capset"], u32(_LINUX_CAPABILITY_VERSION_3, 0), low + high) < 0:
        raise failure()


def drop_bounding(keep: int = 0, lenient: bool = False) -> None:
    """Drop every capability but those of ``keep`` from the bounding set. capabilities(7).

    EINVAL (the kernel knows fewer) is no error; EPERM is none where ``lenient``: no_new_privs holds in any case.
    """
    for cap in range(CAP_LAST_CAP + 1):
        if keep >> cap & 1 or _prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0:
            continue
        if get_errno() not in ((1, 22) if lenient else (22,)):
            raise failure()


def raise_ambient(caps: int) -> None:
    """Raise the capabilities of ``caps`` in the ambient set. capabilities(7); EINVAL and EPERM as above."""
    for cap in range(CAP_LAST_CAP + 1):
        if not caps >> cap & 1 or _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == 0:
            continue
        if get_errno() not in (1, 22):
            raise failure()


def setrlimit(resource: int, soft: int, hard: int) -> None:
    """setrlimit(2), with the numbers of asm-generic/resource.h; -1 is RLIM_INFINITY."""
    if _setrlimit(resource, u64(soft & 0xFFFFFFFFFFFFFFFF, hard & 0xFFFFFFFFFFFFFFFF)) < 0:
        raise failure()


def getrlimit(resource: int) -> tuple[int, int]:
    """Return the soft and the hard limit. getrlimit(2)."""
    data = ffi.buffer(16)
    if _getrlimit(resource, data) < 0:
        raise failure()
    return int.from_bytes(data.raw[:8], "little"), int.from_bytes(data.raw[8:], "little")


def hold(folder: bytes) -> None:
    """Take a shared lock on a directory till this process ends, or fail at once. flock(2), LOCK_SH | LOCK_NB."""
    if _flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC), 5) < 0:
        raise failure(folder)


def readable(fd: int) -> bool:
    """Say whether ``fd`` can be read or has hung up, without waiting. A pidfd: its process died. poll(2)."""
    data = ffi.buffer(8, u32(fd, 1))  # struct pollfd with POLLIN
    count: int = _poll(data, 1, 0)
    if count < 0:
        raise failure()
    return count > 0
