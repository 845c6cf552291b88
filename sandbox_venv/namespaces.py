"""User namespaces: whether this machine gives one with mounts in it; if not, what forbids it and who can help (cold).

Found out by trying, in a forked child, with the calls of the native backend; what forbids it, by asking the kernel
again in ways that only a filter, or only a limit, answers so.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NEWUSER, NEWNS, NEWPID = 0x10000000, 0x00020000, 0x20000000  # clone(2)
KINDS = ("user", "mnt", "pid", "ipc", "uts", "cgroup")
"""Namespaces that a sandbox has, by the names of their limits: namespaces(7), /proc/sys/user/max_*_namespaces."""

PROFILE = Path(__file__).parent / "policy" / "apparmor" / "sandbox-venv-bwrap"
LOADED_FROM = Path("/etc/apparmor.d")
OF_BWRAP = re.compile(r"^\s*(?:profile\s+)?(?:\S+\s+)?\S*/bwrap\s[^\n]*\{", re.MULTILINE)
"""The head of a profile that attaches to a program of that name: apparmor.d(5)"""

RUNTIME = (
    "whoever starts this container can allow unshare(2), clone(2), mount(2), umount2(2) and pivot_root(2) in its "
    "seccomp profile; never --privileged"
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way of a sandbox.

    Attributes:
        step: what was tried: ``unshare``, ``uid_map``, ``setgroups``, ``gid_map``, ``mount``, ``mount /proc``, …
        number: its errno.
        filtered: a seccomp filter answered, not the kernel itself.
        label: the AppArmor label under which it failed, "" where there is none.
    """

    step: str
    number: int
    filtered: bool = False
    label: str = ""

    def __str__(self) -> str:
        """Return what forbids it, and the kernel's own answer."""
        return f"{self.explain()[0]} ({self.answer()})"

    def answer(self) -> str:
        """Return the kernel's answer."""
        return f"{self.step}: {os.strerror(self.number)}"

    @property
    def remedy(self) -> str:
        """What to do, without weakening the machine."""
        return self.explain()[1]

    def explain(self) -> tuple[str, str]:
        """Return what forbids it and what to do, in words."""
        call = "unshare(2)" if self.step == "unshare" else "mount(2)"
        if self.filtered:
            return f"a seccomp filter, a container's most likely, forbids {call}", RUNTIME
        if self.step == "unshare" and self.number in (errno.ENOSPC, errno.EUSERS):
            return _limit()
        if self.step == "unshare" and self.number in (errno.EINVAL, errno.ENOSYS):
            return "this kernel has no user namespaces", "use a kernel with CONFIG_USER_NS, CONFIG_PID_NS and the like"
        if self.number not in (errno.EPERM, errno.EACCES):
            return "it failed", "see the kernel's log, and: sandbox-venv doctor"
        if self.step == "unshare" and _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
            name = "kernel.unprivileged_userns_clone"
            return f"the sysctl {name} is 0", sysctl(f"{name}=1")
        if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and not _confined(self.label):
            text = (
                "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns=1, Ubuntu 23.10 on)"
            )
            return text, _profile()
        if _confined(self.label):
            return f"the AppArmor profile {self.label!r} forbids it", "whoever confines this shell can allow it there"
        if self.step == "mount /proc":
            hint = (
                "whoever starts it can leave /proc whole: podman run --security-opt unmask=/proc/*; procMount: Unmasked"
            )
            return "parts of /proc are covered here, as in containers, and then there is no fresh one", hint
        text = "the kernel or one of its security modules refuses, or this shell runs in a chroot"
        return text, "start it outside of a chroot; see the kernel's log, and ask the administrator"


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip("\0 \n")
    except OSError:
        return ""


def sysctl(setting: str) -> str:
    """Return how an administrator makes a setting of the kernel."""
    return f"ask the administrator to run: sysctl -w {setting} (and to write {setting} into /etc/sysctl.d/, to keep it)"


def _profile() -> str:
    """Return how bwrap alone is let: the profile in this package, or one that is there, Ubuntu's own from 25.04 on.

    The kernel attaches none where two profiles are for the same path.
    """
    place = LOADED_FROM / PROFILE.name
    others = [path for path in sorted(LOADED_FROM.glob("*")) if path != place and OF_BWRAP.search(_read(str(path)))]
    if others:
        return (
            f"ask the administrator to let bwrap alone make them by the profile that is there: apt install bubblewrap; "
            f"apparmor_parser -r {others[0]} (no second one: with two for one program, neither is in force)"
        )
    return (
        "ask the administrator to let bwrap alone make them: apt install bubblewrap; "
        f"install -m 644 {PROFILE} {place}; apparmor_parser -r {place}"
    )


def _confined(label: str) -> bool:
    """Tell whether an AppArmor profile is in force, other than the one into which Ubuntu puts who makes a namespace."""
    return bool(label) and label not in ("unconfined", "unprivileged_userns")


def _limit() -> tuple[str, str]:
    """Return which limit is reached: of namespaces of a kind, or of their nesting. user_namespaces(7)."""
    limits = {f"user.max_{kind}_namespaces": _read(f"/proc/sys/user/max_{kind}_namespaces") for kind in KINDS}
    none = [name for name, value in limits.items() if value == "0"]
    nested = _read("/proc/self/uid_map").split() != ["0", "0", "4294967295"]
    if none:
        text = f"the sysctl {none[0]} is 0"
        if nested:
            return (
                f"{text} in the container or sandbox around this shell",
                "start it outside of that, or have it allowed there",
            )
        return text, sysctl(f"{none[0]}=16384")
    text = f"no more namespaces are allowed (user.max_user_namespaces is {limits['user.max_user_namespaces']}"
    return f"{text}, and 32 may be nested)", "leave a sandbox or container around this shell, or end some"


def _attempt(libc: ctypes.CDLL, flags: int, inside: int | None, then: Callable[[ctypes.CDLL], None]) -> None:
    """Make the namespaces.

    Raises:
        OSError: ``filename`` is the step.
    """
    ids = (("uid", os.geteuid()), ("gid", os.getegid()))
    maps = [(f"{name}_map", f"{own if inside is None else inside} {own} 1") for name, own in ids]
    check(libc.unshare(NEWUSER | NEWNS | flags), "unshare")
    for name, content in (("setgroups", "deny"), *maps):
        try:
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(content)
        except OSError as error:
            raise OSError(error.errno, "", name) from None
    check(libc.mount(None, b"/", None, ctypes.c_ulong(0x44000), None), "mount")  # MS_REC | MS_PRIVATE
    then(libc)


def check(result: int, step: str) -> None:
    """Raise the C library's errno as an OSError whose ``filename`` is the step."""
    if result != 0:
        raise OSError(ctypes.get_errno(), "", step)


def _is_filtered(libc: ctypes.CDLL, step: str) -> bool:
    """Tell whether a seccomp filter refuses a call that the kernel, asked nonsense, would refuse for that reason.

    unshare(2): a bit that is no namespace's is EINVAL. mount(2): a bad address is EFAULT. Both come before any
    permission is looked at.
    """
    if "Seccomp:\t2" not in _read("/proc/self/status"):
        return False
    if step == "unshare":
        libc.unshare(NEWUSER | 1)
        return ctypes.get_errno() != errno.EINVAL
    if step.startswith("mount"):
        libc.mount(ctypes.c_void_p(1), b"/", ctypes.c_void_p(1), ctypes.c_ulong(0), None)
        return ctypes.get_errno() != errno.EFAULT
    return False


def try_in_child(then: Callable[[ctypes.CDLL], None], flags: int = 0, inside: int | None = None) -> Obstacle | None:
    """Make namespaces in a forked child and call ``then`` there; return what stood in the way, None where nothing did.

    Args:
        then: is given libc; what it mounts is the child's alone. It raises OSError with the step as ``filename``.
        flags: namespaces besides user and mount, CLONE_NEW*, unshare(2).
        inside: the uid and gid to be in the user namespace, by default the caller's own.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = "fork\0" + str(errno.EAGAIN)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            try:
                _attempt(libc, flags, inside, then)
                text = ""
            except OSError as error:
                step = str(error.filename or "set-up")
                label = _read("/proc/self/attr/apparmor/current").partition(" ")[0]
                text = f"{step}\0{error.errno or 0}\0{int(_is_filtered(libc, step))}\0{label}"
        finally:
            os.write(writer, text.encode())
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        told = stream.read().decode().split("\0")
    os.waitpid(pid, 0)
    if not told[0]:
        return None
    return Obstacle(told[0], int(told[1]), told[2:3] == ["1"], "".join(told[3:4]))


def _mount_proc(libc: ctypes.CDLL) -> None:
    inner = os.fork()
    if inner == 0:
        failed = libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(14), None)  # nosuid, nodev, noexec
        os._exit(ctypes.get_errno() if failed else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
    if code:
        raise OSError(code, "", "mount /proc")


@functools.cache
def find_obstacle() -> Obstacle | None:
    """Return what stands in the way of a user, mount and PID namespace with a fresh ``/proc``, None where they work."""
    return try_in_child(_mount_proc, NEWPID)
