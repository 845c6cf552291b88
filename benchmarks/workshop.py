"""What is measured: venvs wrapped by the tool with and without the C launcher, and the peers that are found here."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox_venv.launch import planfile

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"
NO_LIBC = ["-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fPIE", "-nostdlib", "-static-pie"]


def link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where that can't be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to start a program: a name, what it is, and the words before the program's."""

    name: str
    what: str
    words: tuple[str, ...]


class Workshop:
    """A directory with everything that a run of the benchmarks needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o755)
        cc = os.environ.get("CC", "cc")
        native = ROOT / "native"
        self.nothing = folder / "nothing"
        subprocess.run([cc, *NO_LIBC, ROOT / "benchmarks/nothing.c", "-o", self.nothing], check=True)
        self.floor = folder / "floor"
        sources = [ROOT / "benchmarks/floor.c", native / "text.c"]
        done = subprocess.run([cc, *NO_LIBC, *sources, "-o", self.floor], check=False, capture_output=True)
        self.has_floor = done.returncode == 0
        self.has_c = subprocess.run(["make", "-s", "-C", native, f"OUT={folder}"], check=False).returncode == 0

    def venv(self, place: Path, site: Path | None = None) -> Path:
        """Make a project with a venv, with what is in the directory ``site`` installed; return the venv."""
        venv = place / "project" / "venv"
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=True)
        shutil.copy(self.nothing, venv / "bin" / "nothing")
        if site is not None:
            (packages,) = venv.glob("lib/python3*/site-packages")
            shutil.copytree(site, packages, symlinks=True, dirs_exist_ok=True, copy_function=link)
        return venv

    def wrap(
        self,
        name: str,
        *,
        compiled: bool,
        options: tuple[str, ...] = (),
        site: Path | None = None,
        backend: str = "native",
    ) -> Path:
        """Make a venv, wrapped by a copy of the tool with or without the C launcher; return it."""
        place = self.folder / name
        package = place / "tool" / "sandbox_venv"
        shutil.copytree(ROOT / "sandbox_venv", package, ignore=shutil.ignore_patterns("__pycache__", "launcher"))
        if compiled:
            shutil.copy(self.folder / "launcher", package / "launch" / "launcher")
        venv = self.venv(place, site)
        env = {**os.environ, "PYTHONPATH": str(place / "tool"), "XDG_STATE_HOME": str(place / "state")}
        words = [sys.executable, "-m", "sandbox_venv", "wrap", str(venv), "--backend", backend, *options]
        subprocess.run(words, check=True, env=env, cwd=place, stderr=subprocess.DEVNULL)
        subprocess.run([venv / "bin" / "nothing"], check=True, cwd=venv.parent)
        return venv

    def plan_of(self, name: str) -> planfile.Plan:
        """Return the compiled plan of a wrapped venv."""
        (path,) = (self.folder / name / "state").glob("sandbox-venv/venvs/*/run.plan")
        return planfile.read(os.fsencode(path))

    def peers(self, seed: Path | None) -> list[Peer]:
        """Return what can be measured here, the bare program first."""
        found = []
        if self.has_c:
            venv = self.wrap("c", compiled=True)
            plan = self.plan_of("c")
            found.append(Peer("bare", "the program itself", (f"{venv}/sandbox/bin/",)))
            found.append(Peer("sandbox-venv, C", "native backend, C launcher", (f"{venv}/bin/",)))
            if self.has_floor and plan.records:
                found.append(self._floor(plan, f"{venv}/bin/"))
            if shutil.which("bwrap"):
                found.append(self._bwrap(plan, str(venv)))
        venv = self.wrap("python", compiled=False)
        found.append(Peer("sandbox-venv, Python", "native backend, no C built", (f"{venv}/bin/",)))
        if shutil.which("bwrap"):
            if self.has_c:
                venv = self.wrap("bwrap-c", compiled=True, backend="bwrap")
                found.append(Peer("sandbox-venv, bwrap, C", "bwrap backend, C launcher and init", (f"{venv}/bin/",)))
            venv = self.wrap("bwrap", compiled=False, backend="bwrap")
            found.append(Peer("sandbox-venv, bwrap", "bwrap backend, no C built", (f"{venv}/bin/",)))
        if seed is not None:
            venv = self.wrap_by_seed("seed", seed)
            found.append(
                Peer("seed", "the shell tool; it starts xdg-dbus-proxy where that is installed", (f"{venv}/bin/",))
            )
        return found

    def _floor(self, plan: planfile.Plan, program: str) -> Peer:
        words = [str(self.floor)]
        records = b"".join(item + b"\0" for item in plan.records)
        for name, data in (("records", records), ("a", plan.seccomp_allow), ("b", plan.seccomp_deny)):
            (self.folder / f"floor-{name}").write_bytes(data)
            words.append(str(self.folder / f"floor-{name}"))
        return Peer("floor", "only the calls that can't be left out", (*words, program))

    def _bwrap(self, plan: planfile.Plan, venv: str) -> Peer:
        options = list(plan.base)
        for kind, first, second in zip(plan.slots[::3], plan.slots[1::3], plan.slots[2::3], strict=True):
            if kind[:2] in (b"rw", b"ro"):
                options += [{b"rw": b"--bind", b"ro": b"--ro-bind"}[kind[:2]] + kind[2:], first, second]
            elif kind[:2] == b"--" or kind == b"+":
                options += [item for item in (kind if kind != b"+" else b"", first, second) if item]
        options += plan.tail
        script = ["exec bwrap --args 3"]
        files = {"args": b"".join(option + b"\0" for option in options)}
        for fd, (name, program) in enumerate((("a", plan.seccomp_allow), ("b", plan.seccomp_deny)), 4):
            files[name] = program
            script.append(f"--add-seccomp-fd {fd}")
        script.append('-- "$@" 3<' + shlex.quote(str(self.folder / "bwrap-args")))
        script += [f"{fd}<{shlex.quote(str(self.folder / f'bwrap-{name}'))}" for fd, name in ((4, "a"), (5, "b"))]
        for name, data in files.items():
            (self.folder / f"bwrap-{name}").write_bytes(data)
        words = ("/bin/sh", "-c", " ".join(script), "sh", f"{venv}/bin/")
        return Peer("bwrap by hand", "bwrap --args, the same options", words)

    def wrap_by_seed(self, name: str, source: Path, site: Path | None = None) -> Path:
        """Make a venv, wrapped by the shell tool that this one started from (a git checkout of it); return it."""
        place = self.folder / name
        (place / "project").mkdir(parents=True)
        archive = subprocess.run(["git", "-C", source, "archive", "HEAD"], check=True, capture_output=True)
        subprocess.run(["tar", "x", "-C", place], input=archive.stdout, check=True)
        venv = self.venv(place, site)
        tool = next(path for path in (place / "sandbox-venv", *place.glob("**/sandbox-venv")) if path.is_file())
        subprocess.run([tool, venv], check=True, cwd=place, capture_output=True)
        subprocess.run([venv / "bin" / "nothing"], check=False, cwd=venv.parent, capture_output=True)
        return venv
