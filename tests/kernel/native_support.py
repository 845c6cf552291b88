"""What the tests of the native backend share: its command line, on each way to mount, and a root to start from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.harness import Result, Tool, User, run_as
from tests.support.process import Argument
from tests.support.programs import lack

ROOT = (
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
    "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
)  # fmt: skip
"""The least root in which a shell runs, on a system with a merged /usr."""

OLD_KERNEL = """
from sandbox_venv.launch.native.options import Options
Options.modern = False
from sandbox_venv.launch.native.cli import main
main()
"""


@dataclass(frozen=True, slots=True)
class Native:
    """``python -m sandbox_venv.launch.native`` for one user; ``modern`` False does without open_tree(2)."""

    tool: Tool
    user: User
    modern: bool = True

    @property
    def command(self) -> list[Argument]:
        return [self.tool.python, "-I", *(["-m", "sandbox_venv.launch.native"] if self.modern else ["-c", OLD_KERNEL])]

    def bare(self, *words: Argument, **more: Any) -> Result:
        """Run it with these words and nothing else."""
        return run_as(self.user, [*self.command, *words], **more)

    def run(self, *options: Argument, command: Iterable[Argument] = ("true",), **more: Any) -> Result:
        """Run ``command`` in the least root, changed by ``options``."""
        return self.bare(*ROOT, *options, "--", *command, **more)

    def shell(self, *options: Argument, script: str, **more: Any) -> Result:
        """Run a shell script in the least root, changed by ``options``."""
        return self.run(*options, command=("sh", "-c", script), **more)


def find_bwrap() -> tuple[str, bool]:
    """Return ``BWRAP`` or the system's bwrap, and whether it is of release 0.11 or newer."""
    path = os.environ.get("BWRAP") or shutil.which("bwrap")
    if not path:
        lack("no bwrap to compare with: set BWRAP")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return path, tuple(map(int, re.findall(r"\d+", done.stdout)[:2])) >= (0, 11)
