"""What a file loads, by our resolution and by the loader itself, in one form: name asked for -> path, or None."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable

from sandbox_venv.elf.resolution import Resolution
from tests.support.programs import lack, need

Trace = dict[str, str | None]
GLIBC_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
MUSL_LOADER = f"/lib/ld-musl-{os.uname().machine}.so.1"
_SCRIPT = 'while IFS= read -r f; do printf "@@%s\\n" "$f"; LD_TRACE_LOADED_OBJECTS=1 "$0" "$f" 2>&1; done'
_MUSL_SCRIPT = 'while IFS= read -r f; do printf "@@%s\\n" "$f"; "$0" --list "$f" 2>&1; done'


def glibc_loader() -> str:
    """Return this machine's glibc loader, or skip."""
    path = GLIBC_LOADERS.get(os.uname().machine, "")
    if not os.path.exists(path):
        lack("no glibc loader that this test knows")
    return path


def ours(paths: Iterable[str]) -> dict[str, Trace]:
    """Resolve each file alone, as a program of this machine's loader."""
    resolution = Resolution((), (), None, None)
    shell = resolution.candidate("/bin/sh")
    assert shell is not None
    resolution.note_interpreter(shell)
    found: dict[str, Trace] = {}
    for path in paths:
        main = resolution.candidate(path)
        if main is None:
            continue
        resolution.note_interpreter(main)
        program = resolution.load(main)
        trace: Trace = {name: item.path for item in program.objects[1:] for name, _ in item.asked}
        trace.update((name, None) for name, _ in program.missing)
        found[path] = trace
    return found


def by_loader(paths: Iterable[str], loader: str) -> dict[str, Trace]:
    """Ask the loader itself, in a sandbox; the files are trusted. Its errors come as the name ``!``."""
    command = [need("bwrap"), "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-all", "--die-with-parent"]
    command += ["--clearenv", "--chdir", "/dev/shm", "/bin/sh", "-c"]
    musl = "ld-musl" in loader
    command += [_MUSL_SCRIPT if musl else _SCRIPT, loader]
    done = subprocess.run(command, input="".join(f"{path}\n" for path in paths), capture_output=True, text=True)
    assert done.stdout, done.stderr
    found: dict[str, Trace] = {}
    for block in done.stdout.split("@@")[1:]:
        path, *lines = block.splitlines()
        found[path] = _parse(lines)
    return found


def _parse(lines: list[str]) -> Trace:
    trace: Trace = {}
    for line in lines:
        if match := re.fullmatch(r"\t(.+) => (.+?)(?: \(0x[0-9a-f]+\))?", line):
            if not re.search(r"/ld-(linux|musl)", match[2]):
                trace[match[1]] = None if match[2] == "not found" else match[2]
        elif match := re.fullmatch(r"\t(/\S+) \(0x[0-9a-f]+\)", line):
            if not re.search(r"/ld-(linux|musl)", match[1]):
                trace[match[1]] = match[1]
        elif match := re.fullmatch(r"Error loading shared library ([^:]+): .* \(needed by .*\)", line):
            trace[match[1]] = None
        elif "statically linked" not in line and "linux-vdso" not in line and not line.startswith("Error relocating"):
            trace["!"] = line
    return trace
