"""How long the library closure takes: without facts (cold) and with them (warm), by number of ELF files.

    python benchmarks/closure.py                     # makes its venvs in a cache directory, pip needed once
    python benchmarks/closure.py --site DIR …        # any site-packages instead, e.g. one with torch
    python benchmarks/closure.py --seed 'COMMAND'    # beside it, a command that fills the seed's own cache

Each run is a fresh interpreter. What is reported is beyond that interpreter's own start: imports, resolution
and the facts' way to disk. Files are in the page cache (a first, unmeasured run puts them there). Medians, in
milliseconds, of the clock and of the processor (the one to look at on a busy machine); with --json the raw
numbers.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = {
    "0": (),
    "50": ("numpy", "pillow", "lxml"),
    "293": ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "pillow", "lxml"),
}
"""Name (about the number of ELF files) -> what is installed."""
HOST = ("/bin/sh", "/usr/bin/env", "/usr/bin/git", "/usr/bin/gcc", "/usr/bin/vim", "/usr/bin/less", "/usr/bin/grep")
GOALS = {("293", "cold"): 800, ("293", "warm"): 150}

ONE_RUN = """
import os, time
start, before = time.perf_counter(), sum(os.times()[:4])
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from sandbox_venv.elf import FactsCache, resolve_closure
with FactsCache(Path(sys.argv[2])) as facts:
    closure = resolve_closure(sys.argv[4:], [sys.argv[3]], inside=[sys.argv[3]], facts=facts)
wall, cpu = time.perf_counter() - start, sum(os.times()[:4]) - before
print(1000 * wall, 1000 * cpu, closure.scanned, len(closure.libraries))
"""


@dataclass
class Result:
    """Runs over one site-packages: (clock, processor) in milliseconds."""

    scanned: int = 0
    libraries: int = 0
    cold: list[tuple[float, float]] = field(default_factory=list)
    warm: list[tuple[float, float]] = field(default_factory=list)

    def medians(self, kind: str) -> str:
        """Return the medians as two columns."""
        runs = getattr(self, kind)
        if not runs:
            return f"{'-':>9}{'-':>9}"
        return "".join(f"{statistics.median(values):>9.0f}" for values in zip(*runs, strict=True))


def run(site: Path, facts: Path) -> tuple[tuple[float, float], int, int]:
    """Resolve once in a fresh interpreter; return (clock, processor) in ms, files scanned, libraries."""
    roots = [path for path in HOST if os.path.exists(path)]
    command = [sys.executable, "-I", "-c", ONE_RUN, str(ROOT), str(facts), str(site), *roots]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return (float(words[0]), float(words[1])), int(words[2]), int(words[3])


def measure(site: Path, repeat: int) -> Result:
    """Return the times of *repeat* cold and warm runs over one site-packages."""
    with tempfile.TemporaryDirectory() as temporary:
        facts = Path(temporary) / "facts"
        result = Result(*run(site, facts)[1:])
        for _ in range(repeat):
            shutil.rmtree(facts)
            result.cold.append(run(site, facts)[0])
            result.warm.append(run(site, facts)[0])
    return result


def prepare(name: str) -> Path:
    """Return a directory with the packages of VENVS[name] installed, kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sandbox-venv-benchmarks"
    site = cache / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}"
    if not (site / ".done").exists():
        site.mkdir(parents=True, exist_ok=True)
        if VENVS[name]:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
            subprocess.run([*command, "--target", str(site), *VENVS[name]], check=True)
        (site / ".done").touch()
    return site


def seed(command: str, repeat: int) -> Result:
    """Time a shell command that does the seed's work."""
    result = Result()
    for _ in range(repeat):
        start, before = time.perf_counter(), sum(os.times()[2:4])
        subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
        cpu = sum(os.times()[2:4]) - before
        result.cold.append((1000 * (time.perf_counter() - start), 1000 * cpu))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, action="append", default=[], help="measure this site-packages")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--seed", help="a shell command that builds the seed's cache")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sites = {str(path): path for path in options.site} or {name: prepare(name) for name in VENVS}
    results = {name: measure(site, options.repeat) for name, site in sites.items()}
    if options.seed:
        results["seed"] = seed(options.seed, options.repeat)
    if options.json:
        raw = {name: asdict(result) for name, result in results.items()}
        print(json.dumps({"load": os.getloadavg(), "cpus": os.cpu_count(), "results": raw}))
        return 0
    print(f"{'venv':<24}{'ELF':>6}{'libs':>6}{'cold':>9}{'cpu':>9}{'warm':>9}{'cpu':>9}   goals, ms")
    for name, result in results.items():
        goals = "/".join(str(GOALS[name, kind]) for kind in ("cold", "warm") if (name, kind) in GOALS)
        times = result.medians("cold") + result.medians("warm")
        print(f"{name[-23:]:<24}{result.scanned:>6}{result.libraries:>6}{times}   {goals}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
