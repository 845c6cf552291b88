"""What a start costs that compiles the plan: how long the library closure takes, cold and from the facts' cache.

    python -m benchmarks.closure                                # venvs of 0, 50 and 300 ELF files
    python -m benchmarks.closure --torch /dir/with/its/wheel    # and one with torch's CPU build
    python -m benchmarks.closure --seed /a/git/checkout         # beside the shell tool, on venvs with the same packages

Of each venv, in rounds over all of them, so that a noisy machine is noisy to all:

- closure: a fresh interpreter resolves it, without facts (cold) and with them (warm); beyond that interpreter's own
  start, so imports, resolution and the facts' way to disk.
- start: `python -c pass`, wrapped, native backend: no facts and no plan (cold), no plan (warm facts), a fresh plan,
  and in a plain venv with the same packages (bare).
- import: `import pandas` timed by the program itself, in the plain venv and wrapped. The first one wrapped is a figure
  of its own, before the first round.

On a machine that others use, too, `nice -n -15` (root) makes the clock say something.
Files are in the page cache (a first round isn't counted). Milliseconds of the clock; in brackets, of the processors,
which is what to look at on a busy machine. The results go to benchmarks/results/closure.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox_venv.elf.files import Files, scan_tree

from .__main__ import machine
from .workshop import PYTHON, ROOT, Workshop

RESULTS = ROOT / "benchmarks" / "results" / "closure.json"
VENVS = {
    "0": (),
    "50": ("numpy", "pillow", "lxml"),
    "293": ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "pillow", "lxml"),
    "torch": ("torch",),
}
"""Name (about the number of ELF files) -> what is installed."""
HOST = ("/bin/sh", "/usr/bin/env", "/usr/bin/git", "/bin/ls", "/bin/cat", PYTHON)
GOALS = {
    ("293", "closure cold"): 800,
    ("293", "closure warm"): 150,
    ("torch", "closure cold"): 3000,
}
KINDS = ("closure cold", "closure warm", "start cold", "start warm facts", "start warm plan", "bare")
IMPORT_KINDS = ("import bare", "import wrapped")
SEED_KINDS = ("seed cold", "seed warm")

ONE_RUN = """
import os, resource, time
start = time.perf_counter()
def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)
before = used()
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from sandbox_venv.elf import FactsCache, resolve_closure
program, *trees = sys.argv[3:5]
with FactsCache(Path(sys.argv[2])) as facts:
    resolve_closure(sys.argv[5:], trees, inside=trees, facts=facts, program=program)
print(time.perf_counter() - start, used() - before)
"""

IMPORT = (
    "import time; t, p = time.perf_counter(), time.process_time(); import pandas; "
    "print(time.perf_counter() - t, time.process_time() - p)"
)

Times = tuple[float, float]
"""Seconds of the clock, and of the processors."""


@dataclass
class Result:
    """One venv: how many ELF files it has, and the runs by kind."""

    elf_files: int
    runs: dict[str, list[Times]] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """Return median and lowest of each kind, in seconds."""
        found: dict[str, Any] = {"elf files": self.elf_files}
        for kind, runs in self.runs.items():
            clock, processor = ([run[at] for run in runs] for at in (0, 1))
            found[kind] = {
                "median": statistics.median(clock),
                "lowest": min(clock),
                "processor median": statistics.median(processor),
                "processor lowest": min(processor),
                "runs": len(runs),
            }
        return found


def start(command: list[str], cwd: Path, path: Path | None = None) -> Times:
    """Run a command, with PATH if given; what it says is dropped."""
    env = {**os.environ, "PATH": str(path)} if path else None
    before = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    clock = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return clock, usage.ru_utime + usage.ru_stime


class Subject:
    """One venv with its wrapped copies, and the kinds of runs over it."""

    def __init__(self, name: str, site: Path, workshop: Workshop, seed: Path | None) -> None:
        self.name, self.site = name, site
        self.plain = workshop.venv(workshop.folder / f"{name}-plain", site)
        self.venv = workshop.wrap(name, compiled=workshop.has_c, site=site)
        self.state = workshop.folder / name / "state" / "sandbox-venv"
        self.facts = workshop.folder / f"{name}-facts"
        self.seed = workshop.wrap_by_seed(f"{name}-seed", seed, site) if seed else None
        files = Files(None)
        elf = [path for path in scan_tree(str(site)).files if not isinstance(files.facts(path), str)]
        self.result = Result(len(elf))

    def forget(self, *, facts: bool) -> None:
        """Remove the plan, and the facts if so."""
        for path in self.state.glob("venvs/*/*.plan"):
            path.unlink()
        if facts:
            shutil.rmtree(self.state / "facts", ignore_errors=True)

    def closure(self, *, cold: bool) -> Times:
        """Resolve once in a fresh interpreter."""
        if cold:
            shutil.rmtree(self.facts, ignore_errors=True)
        words = [sys.executable, "-I", "-c", ONE_RUN, str(ROOT), str(self.facts), PYTHON, str(self.site), *HOST]
        clock, processor = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        return float(clock), float(processor)

    def program(self, *, plain: bool = False) -> Times:
        """Start `python -c pass`."""
        venv = self.plain if plain else self.venv
        return start([f"{venv}/bin/python", "-c", "pass"], venv.parent)

    def imports(self, *, plain: bool = False) -> Times:
        """Start a program that imports pandas, and return how long that took by its own measure."""
        venv = self.plain if plain else self.venv
        words = [f"{venv}/bin/python", "-c", IMPORT]
        done = subprocess.run(words, cwd=venv.parent, capture_output=True, text=True, check=True)
        clock, processor = done.stdout.split()
        return float(clock), float(processor)

    def by_seed(self, *, cold: bool) -> Times:
        """Start it by the shell tool."""
        assert self.seed
        if cold:
            (self.seed / "sandbox" / "sandbox-venv.cache").unlink(missing_ok=True)
        path = self.seed.parent / "path"
        if not path.exists():  # where xdg-dbus-proxy is found but no session bus, the shell tool starts nothing
            path.mkdir()
            for item in os.scandir("/usr/bin"):
                if item.name != "xdg-dbus-proxy":
                    (path / item.name).symlink_to(item.path)
        return start([f"{self.seed}/bin/python", "-c", "pass"], self.seed.parent, path)

    def run(self, kind: str) -> Times:
        """Run once."""
        if kind in ("start cold", "start warm facts"):
            self.forget(facts=kind == "start cold")
        kinds: dict[str, Callable[[], Times]] = {
            "closure cold": lambda: self.closure(cold=True),
            "closure warm": lambda: self.closure(cold=False),
            "import bare": lambda: self.imports(plain=True),
            "import wrapped": self.imports,
            "bare": lambda: self.program(plain=True),
            "seed cold": lambda: self.by_seed(cold=True),
            "seed warm": lambda: self.by_seed(cold=False),
        }
        return kinds.get(kind, self.program)()

    def measure(self, *, count: bool) -> None:
        """Do one round of all kinds."""
        if "pandas" in VENVS[self.name] and not count:
            self.result.runs["first import wrapped"] = [self.imports()]
        kinds = [*KINDS, *(IMPORT_KINDS if "pandas" in VENVS[self.name] else ()), *(SEED_KINDS if self.seed else ())]
        for kind in kinds:
            times = self.run(kind)
            if count:
                self.result.runs.setdefault(kind, []).append(times)


def prepare(name: str, cache: Path, torch: str | None) -> Path:
    """Return a directory with the packages of VENVS[name] installed, kept between runs."""
    version = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    site = cache / f"site-{name}-{version.rpartition('.')[0]}"
    if (site / ".done").exists():
        return site
    site.mkdir(parents=True, exist_ok=True)
    packages = VENVS[name]
    if packages:
        command = [sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "--only-binary", ":all:"]
        if name == "torch" and os.path.isdir(str(torch)):
            packages = tuple(map(str, Path(str(torch)).glob("torch-*.whl")))
        elif name == "torch":
            command += ["--index-url", str(torch)]
        subprocess.run([*command, "--target", str(site), *packages], check=True)
    (site / ".done").touch()
    return site


def table(data: dict[str, Any]) -> str:
    """Return the figures as text: medians of the clock, in brackets of the processors; below, the lowest."""
    lines = [" ".join(f"{name}: {value}" for name, value in data["machine"].items()), ""]
    kinds = [kind for kind in (*KINDS, *SEED_KINDS) if all(kind in row for row in data["venvs"].values())]
    lines.append(f"{'ms':<16}" + "".join(f"{kind:>18}" for kind in kinds))
    for name, row in data["venvs"].items():
        for which in ("median", "lowest"):
            cells = [(row[kind][which] * 1e3, row[kind][f"processor {which}"] * 1e3) for kind in kinds]
            head = f"{row['elf files']} ELF files" if which == "median" else f"  lowest ({name})"
            lines.append(f"{head:<16}" + "".join(f"{f'{clock:.0f} ({cpu:.0f})':>18}" for clock, cpu in cells))
        if "import bare" in row:
            bare, wrapped = row["import bare"], row["import wrapped"]
            ratios = ", ".join(f"{which} {wrapped[which] / bare[which]:.2f}" for which in bare if which != "runs")
            lines.append(f"import of pandas in the one of {row['elf files']}, wrapped / bare: {ratios}; goal 1.05")
    for (name, kind), goal in GOALS.items():
        if name in data["venvs"]:
            figure = data["venvs"][name][kind]
            best = figure["lowest"] * 1e3
            lines.append(f"goal: {name}, {kind}: {goal} ms; here {figure['median'] * 1e3:.0f}, at best {best:.0f}")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=Path, help="a git checkout of the shell tool")
    parser.add_argument("--torch", help="where pip finds torch's CPU build: a directory, or an index's address")
    parser.add_argument("--only", nargs="*", choices=list(VENVS), help="these venvs; nothing is stored then")
    options = parser.parse_args()
    names = options.only or [name for name in VENVS if name != "torch" or options.torch]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sandbox-venv-benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="sandbox-venv-bench-"))  # not below the home: the shell tool can't do that
    try:
        workshop = Workshop(folder / "w")
        subjects = [Subject(name, prepare(name, cache, options.torch), workshop, options.seed) for name in names]
        for number in range(options.rounds + 1):
            for subject in subjects:
                subject.measure(count=number > 0)
        about = {**machine(), "nice": str(os.nice(0))}
        data = {"machine": about, "venvs": {one.name: one.result.figures() for one in subjects}}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.only:
        RESULTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(table(data))


if __name__ == "__main__":
    main()
