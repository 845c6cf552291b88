"""After a death by SIGKILL (cold): whether memory ran out, by what the kernel counts for this process's cgroup."""

from __future__ import annotations

import contextlib
import os

from .errors import shown

ROOT = "/sys/fs/cgroup"


def read_text(path: str) -> str:
    """Return a small file of the kernel's, "" where there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(4096).strip()
    except OSError:
        return ""


def own_group(lines: str) -> tuple[str, str, str, str]:
    """Return where this process's memory is counted: hierarchy, path in it, names of the counts and the limit.

    cgroups(7): of version 1 where the controller "memory" is in such a hierarchy, else of version 2.

    Args:
        lines: ``/proc/self/cgroup``.
    """
    for line in lines.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return f"{ROOT}/memory", path, "memory.oom_control", "memory.limit_in_bytes"
    for line in lines.splitlines():
        if line.startswith("0::"):
            return ROOT, line[3:], "memory.events", "memory.max"
    return "", "", "", ""


def find_limit(top: str, path: str, name: str) -> str:
    """Return the limit nearest to a cgroup, its own or one above it, in MiB; "" where there is none."""
    while True:
        text = read_text(f"{top}{path}/{name}")
        if text.isdigit() and int(text) < 1 << 60:  # version 1 says "none" by a number close to 2^63
            return f"{int(text) >> 20} MiB"
        if path in ("", "/"):
            return ""
        path = os.path.dirname(path)


def explain_kill() -> None:
    """Write one line to stderr where the kernel counts an out-of-memory kill in this cgroup; else nothing."""
    top, path, events, limit = own_group(read_text("/proc/self/cgroup"))
    words = read_text(f"{top}{path}/{events}").split()
    counts = dict(zip(words[::2], words[1::2], strict=False))
    kills = counts.get("oom_kill", "0")
    if not top or not kills.isdigit() or kills == "0":
        return
    allowed = find_limit(top, path, limit)
    where = f"which may use {allowed}" if allowed else "which has no limit: the machine's memory ran out"
    line = f"the program was killed, it seems for want of memory: {kills} such kill(s) in cgroup {shown(path)}, {where}"
    with contextlib.suppress(OSError):
        os.write(2, os.fsencode(f"sandbox-venv: {line}\n"))
