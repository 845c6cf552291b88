"""Build hook: compile the C launcher into the wheel where a C compiler works, and name the wheel's platform then.

Without one, or with ``SANDBOX_VENV_PURE=1``, the wheel is a pure one: the Python launchers serve everything.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64"}
PLATFORMS = ("manylinux2014", "manylinux_2_17", "musllinux_1_1")
"""The launcher needs no C library, so any does; indexes take these names, and not plain "linux"."""
PLACE = "sandbox_venv/launch/launcher"


def compile_launcher(source: Path, folder: Path) -> Path | None:
    """Compile the launcher into ``folder``; None where that doesn't work."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler.split()[0]) is None or shutil.which("make") is None:
        return None
    command = ["make", "-s", "-C", str(source), f"OUT={folder}", f"CC={compiler}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        print(f"sandbox-venv: no C launcher in this wheel: {result.stderr.strip()[-2000:]}")
        return None
    return folder / "launcher"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg, unused-ignore]
    """Hatchling's way in."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say where the result goes."""
        machine = MACHINES.get(platform.machine())
        source = Path(self.root) / "native"
        if self.target_name != "wheel" or version == "editable" or machine is None or not source.is_dir():
            return
        if os.environ.get("SANDBOX_VENV_PURE") == "1":
            return
        self.folder = tempfile.mkdtemp(prefix="sandbox-venv-build-")
        launcher = compile_launcher(source, Path(self.folder))
        if launcher is not None:
            build_data["force_include"][str(launcher)] = PLACE
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{'.'.join(f'{name}_{machine}' for name in PLATFORMS)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was compiled."""
        folder = getattr(self, "folder", None)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
