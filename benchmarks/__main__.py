"""``python -m benchmarks``: what a start costs, beside a bare one, the floor, bwrap by hand and whatever is found.

hyperfine does the timing, in many short rounds over all commands, so that a noisy machine is noisy to all of them.
Results go to ``benchmarks/results/startup.json``; ``docs/startup.svg`` is drawn from them. Ratios count, not times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from . import counts, plot
from .workshop import ROOT, Peer, Workshop

RESULTS = ROOT / "benchmarks" / "results" / "startup.json"
PROGRAMS = {"nothing": ("nothing",), "python -c pass": ("python", "-c", "pass")}


def command_words(peer: Peer, program: tuple[str, ...]) -> list[str]:
    """Return the command."""
    return [*peer.words[:-1], peer.words[-1] + program[0], *program[1:]]


def command_of(peer: Peer, program: tuple[str, ...]) -> str:
    """Return the command line, as hyperfine splits it."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in command_words(peer, program))


def time_all(commands: list[str], rounds: int, runs: int, cwd: Path) -> list[list[float]]:
    """Return the times of each command in seconds."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        with tempfile.NamedTemporaryFile() as file:
            words = [
                "hyperfine",
                "-N",
                "--warmup",
                "1",
                "--runs",
                str(runs),
                "--style",
                "none",
                "--export-json",
                file.name,
            ]
            subprocess.run(
                [*words, *commands], check=True, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for at, result in enumerate(json.load(file)["results"]):
                times[at] += result["times"]
    return times


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    bwrap = (
        subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
        if shutil.which("bwrap")
        else None
    )
    return {
        "machine": platform.machine(),
        "processors": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "bwrap": bwrap.stdout.strip() if bwrap else "",
        "load": " ".join(f"{value:.1f}" for value in os.getloadavg()),
    }


def works(peer: Peer, cwd: Path) -> bool:
    """Tell whether a peer starts a program here; say why not."""
    words = command_words(peer, PROGRAMS["nothing"])
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{peer.name} is left out: {done.stderr.strip()[-200:]}")
    return not done.returncode


def measure(workshop: Workshop, seed: Path | None, rounds: int, runs: int) -> dict[str, Any]:
    """Measure all peers with all programs."""
    peers = [peer for peer in workshop.peers(seed) if works(peer, workshop.folder)]
    cwd = workshop.folder / ("c" if workshop.has_c else "python") / "project"
    figures: dict[str, Any] = {}
    for name, program in PROGRAMS.items():
        times = time_all([command_of(peer, program) for peer in peers], rounds, runs, cwd)
        figures[name] = {
            peer.name: {"median": statistics.median(values), "lowest": min(values), "runs": len(values)}
            for peer, values in zip(peers, times, strict=True)
        }
    return {
        "machine": machine(),
        "what": {peer.name: peer.what for peer in peers},
        "binds": len([item for item in workshop.plan_of("c").records[::3] if item in (b"b", b"m", b"o", b"w")]),
        "seconds": figures,
        "processor time": {
            peer.name: counts.processor_time(command_words(peer, PROGRAMS["python -c pass"]), cwd, rounds * runs // 2)
            for peer in peers
            if peer.name != "bwrap by hand"  # it doesn't wait for its child, whose time nobody is told then
        },
        "starts a second": counts.throughput(peers, cwd),
        "system calls": counts.system_calls(peers, cwd),
        "instructions": counts.instructions(peers, cwd),
        "memory": {
            f"{name}, {part}": value
            for name, folder in (("C", "c"), ("Python", "python"))
            if (workshop.folder / folder).is_dir()
            for part, value in counts.memory(workshop.folder / folder / "project" / "venv").items()
        },
        "binds more, C": counts.scaling(workshop) if workshop.has_c else {},
    }


def table(result: dict[str, Any]) -> str:
    """Return the figures as text: milliseconds, and ratios to the bare program's."""
    lines = [" ".join(f"{name}: {value}" for name, value in result["machine"].items()), ""]
    for program, figures in result["seconds"].items():
        bare = figures["bare"]["median"]
        lines.append(f"{program:24}{'median ms':>12}{'lowest ms':>12}{'x bare':>9}{'over it ms':>12}")
        for name, figure in figures.items():
            median, lowest = figure["median"] * 1e3, figure["lowest"] * 1e3
            lines.append(
                f"  {name:22}{median:12.2f}{lowest:12.2f}{figure['median'] / bare:9.2f}{median - bare * 1e3:12.2f}"
            )
    lines.append("")
    units = {
        "processor time": "ms of the processors for python -c pass, the least",
        "starts a second": "starts a second, two at once",
        "system calls": "system calls before the program",
        "instructions": "instructions of the first process",
        "memory": "KiB of memory (proportional)",
        "binds more, C": "binds more, C launcher: ms of the processors",
    }
    for section, words in units.items():
        lines += [f"{words}; {name}: {value}" for name, value in result.get(section, {}).items()]
    return "\n".join(lines)


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5, help="in each round")
    parser.add_argument("--seed", type=Path, help="a checkout of the shell tool")
    parser.add_argument("--plot", action="store_true", help="only draw the plot from the stored results")
    arguments = parser.parse_args()
    if not arguments.plot:
        if not shutil.which("hyperfine"):
            parser.error("hyperfine is missing: apt install hyperfine")
        folder = Path(tempfile.mkdtemp(prefix="sandbox-venv-bench-"))
        folder.chmod(0o755)
        try:
            result = measure(Workshop(folder / "w"), arguments.seed, arguments.rounds, arguments.runs)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    (ROOT / "docs" / "startup.svg").write_text(plot.draw(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
