"""What repeats on noisy machines: system calls and memory."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .workshop import Peer


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
    """Return the proportional set size of waiter and init in KiB, of the C launcher."""
    process = subprocess.Popen([venv / "bin" / "python", "-c", "import time; time.sleep(2)"], cwd=venv.parent)
    time.sleep(1)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        return {"waiter": _share(process.pid), "init": sum(_share(int(pid)) for pid in children)}
    except OSError:
        return {}
    finally:
        process.wait()
