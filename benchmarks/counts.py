"""What repeats on noisy machines: system calls and memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .workshop import Peer, Workshop


def system_calls(peers: Sequence[Peer], cwd: Path) -> dict[str, int]:
    """Return how many calls each peer makes for ``nothing``, whose own is one."""
    if not shutil.which("strace"):
        return {}
    found = {}
    for peer in peers:
        words = [*peer.words[:-1], peer.words[-1] + "nothing"]
        done = subprocess.run(
            ["strace", "-f", "-c", "-U", "calls", "-o", "/dev/stderr", *words],
            cwd=cwd,
            check=False,
            capture_output=True,
            text=True,
        )
        numbers = [int(line) for line in done.stderr.split() if line.isdigit()]
        if numbers:
            found[peer.name] = numbers[-1]
    return found


def _share(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) if match else 0


def memory(venv: Path) -> dict[str, int]:
    """Return the proportional set size of waiter and init in KiB."""
    process = subprocess.Popen([venv / "bin" / "python", "-c", "import time; time.sleep(2)"], cwd=venv.parent)
    time.sleep(1)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        return {"waiter": _share(process.pid), "init": sum(_share(int(pid)) for pid in children)}
    except OSError:
        return {}
    finally:
        process.wait()


def instructions(peers: Sequence[Peer], cwd: Path) -> dict[str, int]:
    """Return the instructions that each peer executes outside of the kernel before ``nothing``, by callgrind.

    Of its first process alone: valgrind can't follow a child into a root that doesn't show it.
    """
    if not shutil.which("valgrind"):
        return {}
    found = {}
    for peer in peers:
        words = [*peer.words[:-1], peer.words[-1] + "nothing"]
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *words]
        done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
        match = re.search(r"Collected : (\d+)", done.stderr)
        if match and done.returncode == 0:
            found[peer.name] = int(match[1])
    return found


def throughput(peers: Sequence[Peer], cwd: Path, starts: int = 200, together: int = 2) -> dict[str, float]:
    """Return how many starts of ``nothing`` a second each peer makes, ``together`` at once."""
    found = {}
    for peer in peers:
        words = [*peer.words[:-1], peer.words[-1] + "nothing"]
        command = ["xargs", "-P", str(together), "-I", "{}", *words]
        begin = time.perf_counter()
        subprocess.run(command, cwd=cwd, check=True, input="x\n" * starts, text=True, capture_output=True)
        found[peer.name] = round(starts / (time.perf_counter() - begin), 1)
    return found


def processor_time(words: Sequence[str], cwd: Path, runs: int) -> float:
    """Return the least time of the processors in milliseconds that a command takes, with all its processes."""
    times = []
    for _ in range(runs):
        process = subprocess.Popen(words, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        times.append((usage.ru_utime + usage.ru_stime) * 1e3)
    return round(min(times), 3)


def scaling(workshop: Workshop, sizes: Sequence[int] = (10, 100, 1000), runs: int = 40) -> dict[str, float]:
    """Return the processor time of a start by the C launcher, in milliseconds, with so many binds more."""
    found = {}
    for size in sizes:
        folder = workshop.folder / f"sources-{size}"
        folder.mkdir()
        options = []
        for at in range(size):
            (folder / str(at)).touch()
            options += ["--ro-bind", str(folder / str(at)), f"/opt/{at}"]
        venv = workshop.wrap(f"binds-{size}", compiled=True, options=tuple(options))
        found[str(size)] = processor_time([str(venv / "bin" / "nothing")], venv.parent, runs)
    return found
