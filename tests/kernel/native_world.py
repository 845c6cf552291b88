"""The small world in which random option lists are run: files, descriptors handed over, namespaces to join."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness import User

Parts = list["str | Arguments"]

NAMESPACES = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
def unshare(flags):
    ids = [(name, os.getresuid()[0] if name == "uid_map" else os.getresgid()[0]) for name in ("uid_map", "gid_map")]
    assert libc.unshare(flags) == 0
    open("/proc/self/setgroups", "w").write("deny")
    for name, number in ids: open("/proc/self/" + name, "w").write(f"{number} {number} 1")
unshare(0x10000000 | 0x20000000)
reader, writer = os.pipe()
if os.fork() == 0:  # PID 1 of the namespace, which lives as long as it does
    os.close(1); os.close(writer)
    sys.stdin.read()
    os._exit(0)
if (inner := os.fork()) == 0:
    unshare(0x10000000)
    os.write(writer, b"x")
    sys.stdin.read()
    os._exit(0)
os.read(reader, 1)
print(os.getpid(), flush=True)
sys.stdin.read()
"""

SYSCALLS = {"x86_64": (140, 146), "aarch64": (141, 125)}  # getpriority(2), sched_get_priority_max(2)


@dataclass(frozen=True)
class Arguments:
    """The number after --args, and what it gives: from a pipe, or from a file."""

    options: Parts
    pipe: bool
    final: bool = field(default=True)

    def text(self) -> bytes:
        """Return the list, with the last NUL or without it."""
        words = [word if isinstance(word, str) else "49" for word in self.options]
        return "\0".join(words).encode() + (b"\0" if self.final and words else b"")


def filter_program(number: int, errno: int) -> bytes:
    """Return raw BPF that refuses one system call with ``errno`` and allows all others. seccomp(2)."""
    rows = ((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | errno), (0x06, 0, 0, 0x7FFF0000))
    return b"".join(struct.pack("<HBBI", *row) for row in rows)


@contextlib.contextmanager
def namespaces(user: User) -> Iterator[dict[int, int]]:
    """Make a user namespace of ``user``'s, a PID namespace in it and a user namespace below it.

    Yields:
        descriptors of the three, by the numbers that they are handed over as: 55, 56, 57.
    """
    identity: dict[str, Any] = {}
    if os.geteuid() != user.uid:
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", NAMESPACES],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", **identity,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    opened = {}
    try:
        process.stdout.readline()
        outer = Path(f"/proc/{process.pid}")
        children = (outer / f"task/{process.pid}/children").read_text().split()
        inner = next(pid for pid in children if os.readlink(f"/proc/{pid}/ns/user") != os.readlink(outer / "ns/user"))
        paths = (outer / "ns/user", outer / "ns/pid_for_children", Path(f"/proc/{inner}/ns/user"))
        for number, path in enumerate(paths, 55):
            opened[number] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        yield opened
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        for fd in opened.values():
            os.close(fd)


class World:
    """A small world of files, made anew for each run, and what is handed over as descriptors."""

    def __init__(self, path: Path, user: User, joinable: dict[int, int]) -> None:
        self.path = path
        self.user = user
        self.joinable = joinable
        getpriority, sched_get_priority_max = SYSCALLS.get(os.uname().machine, (-1, -1))
        self.contents = {
            45: filter_program(getpriority, 77),
            46: filter_program(sched_get_priority_max, 78),
            47: b"\1\2\3",
            48: b"\xff" * 8,
            50: b"",  # --info-fd
            51: b"",  # --json-status-fd
        }

    def make(self) -> None:
        """Make the files."""
        if self.path.exists():
            shutil.rmtree(self.path)
        for name in ("src/sub", "share/in", "cwd", "upper", "work"):
            self.user.makedirs(self.path / name)
        for name, text in (("src/a.txt", "A"), ("src/sub/b.txt", "B"), ("file.txt", "F"), ("share/s.txt", "S")):
            self.user.write(self.path / name, text)
        (self.path / "src/sub").chmod(0o710)
        for name, target in (("src/link", "a.txt"), ("lnk", "src"), ("dangling", "nowhere"), ("share/out", "in")):
            (self.path / name).symlink_to(target)
            self.user.own(self.path / name)

    def listing(self) -> dict[str, Any]:
        """Return what lies there afterwards."""
        found: dict[str, Any] = {}
        for top, names, files in os.walk(self.path):
            for name in (*names, *files):
                path = Path(top, name)
                info = path.lstat()
                text = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
                found[str(path)] = (oct(info.st_mode), info.st_uid, text)
        return found

    @contextlib.contextmanager
    def descriptors(self, arguments: Arguments | None) -> Iterator[tuple[int, ...]]:
        """Open what options name by numbers.

        40: a file, 41: another, 42: a directory, 43: an empty file, 44: a file by O_PATH, 45 to 48: filter programs, two
        of them broken, 49: ``arguments``, 50 and 51: for status, 52 and 53: pipes with a byte in them, 54: a pipe's
        end to write into, 55 to 57: `namespaces`.
        """
        opened: list[int] = []

        def hand_over(number: int, fd: int) -> None:
            os.dup2(fd, number, inheritable=True)
            os.close(fd)
            opened.append(number)

        def pipe_with(content: bytes) -> int:
            reader, writer = os.pipe()
            os.write(writer, content)
            os.close(writer)
            return reader

        try:
            for number, name, flags in (
                (40, "file.txt", os.O_RDONLY),
                (41, "src/a.txt", os.O_RDONLY),
                (42, "src", os.O_PATH),
                (43, "/dev/null", os.O_RDONLY),
                (44, "file.txt", os.O_PATH),
            ):
                hand_over(number, os.open(self.path / name, flags))
            for number, content in self.contents.items():
                hand_over(number, memory_file(content))
            if arguments is not None:
                hand_over(49, (pipe_with if arguments.pipe else memory_file)(arguments.text()))
            hand_over(52, pipe_with(b"x"))
            hand_over(53, pipe_with(b"x"))
            reader, writer = os.pipe()
            hand_over(54, writer)
            os.close(reader)
            for number, fd in self.joinable.items():
                hand_over(number, os.dup(fd))
            yield tuple(opened)
        finally:
            for number in opened:
                os.close(number)


def memory_file(content: bytes) -> int:
    """Return a file in memory with ``content``, at its beginning."""
    fd = os.memfd_create("content")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
