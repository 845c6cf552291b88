"""What this machine can do: probed by doing it, never guessed from version numbers (cold)."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from .namespaces import find_obstacle, sysctl

BWRAP_PATHS = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
"""Where bwrap is looked for: never on the user's PATH, which a session's files may be on."""

CLEAN_ENV = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One row of ``doctor``'s table.

    Attributes:
        ok: it works here.
        detail: what was found.
        loss: what is lost without it.
        remedy: what to do about it, without weakening the machine.
    """

    ok: bool
    detail: str
    loss: str = ""
    remedy: str = ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def find_roots(paths: Iterable[str]) -> str | None:
    """Return the first of some paths that is a file which root owns and nobody else can write, or None."""
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022:
            return path
    return None


@functools.cache
def find_bwrap() -> str | None:
    """Return the path of a bwrap that only root can have changed, or None."""
    return find_roots(BWRAP_PATHS)


@functools.cache
def bwrap_version() -> tuple[int, ...]:
    """Return the version of the bwrap that was found, () where there is none."""
    path = find_bwrap()
    if path is None:
        return ()
    done = subprocess.run([path, "--version"], capture_output=True, env=CLEAN_ENV, check=False, text=True)
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


@functools.cache
def try_bwrap() -> str:
    """Return "" where bwrap works with every option a plan uses, else why not."""
    path = find_bwrap()
    if path is None:
        return "it is not installed"
    if os.stat(path).st_mode & stat.S_ISUID and os.geteuid() != 0:
        return "it is set-uid root, a larger surface than this tool accepts"
    fd = os.open("/", os.O_PATH)
    argv = [
        path, "--ro-bind-fd", str(fd), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-user", "--unshare-pid",
        "--unshare-ipc", "--unshare-uts", "--disable-userns", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL",
        "--size", "4096", "--perms", "0755", "--tmpfs", "/tmp", "--", "/bin/true",  # noqa: S108 - the sandbox's own
    ]  # fmt: skip
    try:
        status, text = run_alone(argv, fd)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        os.close(fd)
    return "" if status == 0 else text.strip().splitlines()[-1] if text.strip() else "it failed"


def run_alone(argv: list[str], fd: int, seconds: float = 20.0) -> tuple[int, str]:
    """Run a program and return its status and what it wrote to stderr; nothing of it is left afterwards.

    A bwrap that dies leaves a child that waits for it for ever. So what it writes goes to memory, not to a pipe that
    the child holds open, and its process group, which is its own, is killed.

    Raises:
        OSError, subprocess.SubprocessError: it can't be started, or didn't end in time.
    """
    with open(os.memfd_create("stderr"), "w+b") as said:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=CLEAN_ENV, pass_fds=[fd],
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return status, said.read(1 << 16).decode(errors="replace")


def landlock_abi() -> int:
    """Return the Landlock ABI version, 0 where there is none: landlock_create_ruleset(2) with the VERSION flag."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def mount_api() -> bool:
    """Tell whether the kernel has mount_setattr(2) (5.12), by a call with a bad descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(ctypes.c_long(442), ctypes.c_long(-1), b"x", ctypes.c_long(0), None, ctypes.c_long(0))
    return ctypes.get_errno() not in (38, 1)


def libseccomp() -> str:
    """Return where libseccomp is loaded from, "" where it isn't installed."""
    for name in ("libseccomp.so.2", "libseccomp.so"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return name
    return ""


def bwrap_remedy() -> str:
    """Return how a bwrap is had that plans can use."""
    path = find_bwrap()
    if path is None:
        return "apt install bubblewrap"
    if os.stat(path).st_mode & stat.S_ISUID:
        return f"as root: chmod u-s {path}; it works without, where the row userns is ok. Or stay with native"
    return "a newer bubblewrap, or stay with native"


def probe() -> dict[str, ProbeResult]:
    """Probe this machine; return rows by name, in the order that ``doctor`` shows."""
    obstacle = find_obstacle()
    version = ".".join(map(str, bwrap_version()))
    bwrap = try_bwrap()
    abi = landlock_abi()
    seccomp = libseccomp()
    legacy = _read("/proc/sys/dev/tty/legacy_tiocsti")
    why_not = str(obstacle) if obstacle else "user, mount and PID namespaces, fresh /proc"
    remedy = obstacle.remedy if obstacle else ""
    holes = (
        " (before 0.12 it follows links in mount points; plans avoid them)" if (0,) < bwrap_version() < (0, 12) else ""
    )
    alone = "the native backend; bwrap is let by a profile of its own"
    return {
        "userns": ProbeResult(not obstacle, why_not, "no sandbox at all" if bwrap else alone, remedy),
        "native": ProbeResult(not obstacle, why_not, "bwrap is needed", remedy),
        "bwrap": ProbeResult(
            not bwrap,
            bwrap or f"{version} at {find_bwrap()}{holes}",
            "native is used instead" if not obstacle else "no sandbox at all",
            remedy if obstacle and find_bwrap() else bwrap_remedy(),
        ),
        "mount_api": ProbeResult(
            mount_api(), "mount_setattr(2)", "native sets up a little slower",
            "Linux 5.12; in a container, a seccomp profile that lets mount_setattr(2) through",
        ),
        "landlock": ProbeResult(
            abi >= 2, f"ABI {abi}", "files behind 0-2 could be reopened in another mode",
            "Linux 5.19, with `landlock` in the list that the kernel's lsm= or CONFIG_LSM gives",
        ),
        "landlock_scope": ProbeResult(
            abi >= 6, f"ABI {abi}", "abstract sockets and signals to the caller's group stay open", "Linux 6.12"
        ),
        "seccomp": ProbeResult(
            bool(seccomp), seccomp or "no libseccomp", "no plan can be compiled", "apt install libseccomp2"
        ),
        "tiocsti": ProbeResult(
            legacy == "0", f"dev.tty.legacy_tiocsti={legacy or 'absent'}",
            "a second lock: the system call filter alone keeps programs from typing into your terminal",
            sysctl("dev.tty.legacy_tiocsti=0") if legacy else "Linux 6.2, which can forbid it",
        ),
        "python": ProbeResult(sys.version_info >= (3, 11), sys.version.split()[0], "the tool needs 3.11", "python3.11"),
    }  # fmt: skip
