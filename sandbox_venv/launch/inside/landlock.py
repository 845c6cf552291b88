"""Landlock, landlock(7): a ruleset for the program, by three system calls.

Stands alone (Python 3.8 syntax) since it is also bound, beside init.py, and run by the venv's base interpreter.
Both functions need no_new_privs (or CAP_SYS_ADMIN), and both say what was really enforced: a kernel without the
feature is no error here, as `explain` and `doctor` tell it.

Call one of them, never both. `restrict_reopen` holds the scopes too, in the same ruleset: stacked on a ruleset
that doesn't handle REFER, as one of scopes only, any ruleset for files refuses rename(2) and link(2) between
directories with EXDEV (seen on Linux 6.18). But a thread restricted in its files can't mount any more, so it
comes after all mounts, and where a sandbox inside is wanted (the seccomp opt-out `nested`) it is `scope` alone.
"""

from __future__ import annotations

from .ffi import c_char_p, c_int, c_long, c_ulong, declare, failure, get_errno
from .system import modes as stat
from .system import os

# include/uapi/asm-generic/unistd.h; from 424 on the numbers are the same on all machines
NR_landlock_create_ruleset = 444
NR_landlock_add_rule = 445
NR_landlock_restrict_self = 446

# include/uapi/linux/landlock.h
LANDLOCK_CREATE_RULESET_VERSION = 1
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_ACCESS_FS_WRITE_FILE = 1 << 1
LANDLOCK_ACCESS_FS_READ_FILE = 1 << 2
LANDLOCK_ACCESS_FS_REFER = 1 << 13  # ABI 2, Linux 5.19
LANDLOCK_ACCESS_FS_TRUNCATE = 1 << 14  # ABI 3, Linux 6.2
LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0  # ABI 6, Linux 6.12
LANDLOCK_SCOPE_SIGNAL = 1 << 1

ABI_2_FS = (LANDLOCK_ACCESS_FS_REFER << 1) - 1
"""Every right of ABI 2, EXECUTE to REFER"""

ENOSYS, EBADFD, EOPNOTSUPP = 38, 77, 95
F_GETFL = 3  # fcntl(2)

_syscall = declare("syscall", c_long, c_long, c_long, c_char_p, c_long)
_fcntl = declare("fcntl", c_int, c_int)  # the module of that name is not imported before a program starts
_create_ruleset = declare("syscall", c_long, c_char_p, c_ulong, c_ulong)


def _checked(result: int) -> int:
    """Return a system call's result; OSError where it failed."""
    if result < 0:
        raise failure()
    return result


def abi() -> int:
    """Return the kernel's Landlock ABI version; 0 where there is none: not built, or not enabled.

    Raises:
        OSError: anything else, so that a kernel that has it is never taken for one that hasn't.
    """
    version: int = _create_ruleset(NR_landlock_create_ruleset, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return 0 if version < 0 and get_errno() in (ENOSYS, EOPNOTSUPP) else _checked(version)


def _enforce(attr: bytes, rules: list[tuple[int, int]]) -> None:
    """Create a ruleset from `struct landlock_ruleset_attr`, add (descriptor, access) rules, restrict this thread."""
    ruleset = _checked(_create_ruleset(NR_landlock_create_ruleset, attr, len(attr), 0))
    try:
        for parent_fd, access in rules:
            # struct landlock_path_beneath_attr is packed: u64 allowed_access, s32 parent_fd
            rule = access.to_bytes(8, "little") + parent_fd.to_bytes(4, "little")
            try:
                _checked(_syscall(NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0))
            except OSError as error:
                # Pipes, sockets, memfds and the like can't have a rule and don't need one: Landlock never
                # restricts a file system that can't be mounted (security/landlock/fs.c, is_nouser_or_private).
                if error.errno != EBADFD:
                    raise
        _checked(_syscall(NR_landlock_restrict_self, ruleset, 0, None, 0))
    finally:
        os.close(ruleset)


def _scopes(version: int) -> int:
    """Return the scopes that ABI `version` has, of those that are wanted."""
    return LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL if version >= 6 else 0


def _ruleset(handled_access_fs: int, scoped: int) -> bytes:
    """Return `struct landlock_ruleset_attr`, no longer than an older kernel knows it."""
    handled = handled_access_fs.to_bytes(8, "little")
    return handled + bytes(8) + scoped.to_bytes(8, "little") if scoped else handled


def scope() -> int:
    """Cut this thread and its later children off from the rest of the machine where no path is involved.

    They can't connect to abstract Unix sockets made outside, nor signal processes outside; the other way round
    goes on working, as do both among themselves.

    Returns:
        The scopes in force, LANDLOCK_SCOPE_*; 0 where the kernel has none (before ABI 6, Linux 6.12).
    """
    scopes = _scopes(abi())
    if scopes:
        _enforce(_ruleset(0, scopes), [])
    return scopes


def _granted(fd: int, handled: int) -> int:
    """Return the access that a descriptor's own mode stands for; 0 for what can't be reopened as a file."""
    try:
        flags = _checked(_fcntl(fd, F_GETFL))
        kind = os.fstat(fd).st_mode
    except OSError:
        return 0  # closed
    if flags & os.O_PATH or stat.S_ISDIR(kind):
        return 0
    mode = flags & os.O_ACCMODE
    access = 0
    if mode in (os.O_RDONLY, os.O_RDWR):
        access |= LANDLOCK_ACCESS_FS_READ_FILE
    if mode in (os.O_WRONLY, os.O_RDWR):
        access |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE
    return access & handled


def restrict_reopen(fds: tuple[int, ...] = (0, 1, 2)) -> bool:
    """Take from `/proc/self/fd/N` the power to open a file outside with another mode than it came with; `scope` too.

    Everything beneath `/` stays as the mounts have it. Files behind `fds` lie elsewhere (in the caller's mounts),
    so there a rule of their own counts: `python < file` may open /dev/stdin for reading, never for writing. A
    directory gets nothing. What such a descriptor itself can do is not restricted, nor is ioctl(2) (IOCTL_DEV
    stays unhandled), so a terminal works as before. REFER is handled since unhandled means refused, ABI 2.

    Returns:
        Whether it is in force: not before ABI 2 (Linux 5.19), where it would break rename(2) between directories.
        Scopes are in force besides from ABI 6 on (ask `abi`).
    """
    version = abi()
    if version < 2:
        return False
    handled = ABI_2_FS | (LANDLOCK_ACCESS_FS_TRUNCATE if version >= 3 else 0)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        rules = [(root, handled)]
        for fd in fds:
            access = _granted(fd, handled)
            if access:
                rules.append((fd, access))
        _enforce(_ruleset(handled, _scopes(version)), rules)
    finally:
        os.close(root)
    return True
