"""Read many files on all cores: forked children, each with every n-th file, answering in JSON through a pipe.

Only processes help, since reading an ELF file is Python's own work; and only when there are many, since a fork
of the interpreter costs as much as fifty files do. What a child fails to answer, the caller reads itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from .facts import dump_facts, load_facts
from .parse import ElfFacts

ENOUGH = 500
"""Files below which one process is as fast (2 free cores: 60 us a file, some 6 ms a child)."""
MAX_WORKERS = 16
MAX_ANSWER = 256 << 20
"""Bytes that are read of one child."""

Answer = ElfFacts | str
Read = Callable[[str], Answer]


def workers_for(count: int) -> int:
    """Return how many processes *count* files are worth: 1 where forking isn't safe or doesn't pay.

    On a machine whose cores are taken, children only stand in line behind their parent.
    """
    threading = sys.modules.get("threading")
    if count < ENOUGH or (threading is not None and threading.active_count() > 1):
        return 1
    free = len(os.sched_getaffinity(0)) - int(os.getloadavg()[0])
    return max(1, min(free, MAX_WORKERS, count // (ENOUGH // 2)))


def read_all(paths: Sequence[str], read: Read, workers: int) -> dict[str, Answer]:
    """Return path -> ``read(path)``, worked out by this process and ``workers - 1`` children."""
    children = [_start(paths[number::workers], read) for number in range(1, workers)]
    found: dict[str, Answer] = {path: read(path) for path in paths[::workers]}
    for number, (pid, fd) in enumerate(children, 1):
        found.update(zip(paths[number::workers], _collect(fd), strict=False))
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    for path in paths:
        if path not in found:
            found[path] = read(path)
    return found


def _start(paths: Sequence[str], read: Read) -> tuple[int, int]:
    """Fork a child that reads the files; return its pid and the pipe that it answers through."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        answers = (read(path) for path in paths)
        text = json.dumps([answer if isinstance(answer, str) else dump_facts(answer) for answer in answers])
        view = memoryview(text.encode())
        while view:
            view = view[os.write(writer, view) :]
    finally:
        os._exit(0)


def _collect(fd: int) -> Iterator[Answer]:
    """Read a child's answers; none where it failed."""
    chunks, size = [], 0
    with open(fd, "rb", buffering=0) as pipe:
        while size < MAX_ANSWER and (chunk := pipe.read(1 << 20)):
            chunks.append(chunk)
            size += len(chunk)
    with contextlib.suppress(ValueError, TypeError):
        for answer in json.loads(b"".join(chunks)):
            yield answer if isinstance(answer, str) else load_facts(answer)
