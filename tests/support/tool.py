"""The tool as a user has it: the built wheel, installed once a test session where everybody can read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.base import IN_CI, ROOT, Base, system_python
from tests.support.process import Argument, Environment, Result, run_as
from tests.support.users import User

BACKENDS = ("bwrap", "native")

FEATURES: dict[str, tuple[str, ...]] = {
    "bwrap": ("bwrap", "seccomp"),
    "native": ("native", "seccomp"),
}
"""What a backend can't do without, by the probe's names."""


@dataclass(frozen=True, slots=True)
class Tool:
    """The installed tool. ``python`` can import ``sandbox_venv`` for any user."""

    base: Base
    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def command(self) -> Path:
        return self.path / "bin" / "sandbox-venv"

    def run(
        self, user: User, *words: Argument, cwd: Path | None = None, env: Environment | None = None, **more: Any
    ) -> Result:
        """Run ``sandbox-venv words…`` as ``user``."""
        return run_as(user, [self.command, *words], cwd=cwd, env=env, **more)

    def probe(self, user: User) -> dict[str, tuple[bool, str]]:
        """Return what the tool's own probe finds as ``user``: name -> (there, reason)."""
        return {
            name: (ok, reason)
            for name, (ok, reason) in self.base.once(f"probe-{user}", lambda: self._probe(user)).items()
        }

    def _probe(self, user: User) -> dict[str, list[Any]]:
        code = (
            "import json; from sandbox_venv.probe import probe; "
            "print(json.dumps({str(k): [bool(v.ok), str(v.detail)] for k, v in probe().items()}))"
        )
        done = run_as(user, [self.python, "-I", "-c", code]).check()
        return dict(json.loads(done.stdout))

    def require(self, user: User, *names: str) -> None:
        """Skip the test where the probe says that a feature is missing; in CI fail instead."""
        found = self.probe(user)
        for name in names:
            there, reason = found[name]
            if not there:
                text = f"{name} is missing for {user}: {reason}"
                pytest.fail(text) if IN_CI else pytest.skip(text)


def build_wheel(target: Path, root: Path = ROOT) -> Path:
    """Build the wheel of the checkout at ``root`` into ``target``; return its path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = target.glob("*.whl")
    return wheel


def make_environment(path: Path, *packages: Argument) -> Path:
    """Make a venv without pip at ``path``, on an interpreter for everybody, with ``packages`` installed."""
    subprocess.run([system_python(), "-m", "venv", "--without-pip", path], check=True)
    if packages:
        subprocess.run(
            [sys.executable, "-m", "pip", "--quiet", "--python", path / "bin" / "python", "install", *packages],
            check=True,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
        )
    return path


def install_into(folder: Path, *packages: str) -> None:
    """Install packages into a folder, as an IDE brings them along."""
    words: list[Argument] = [sys.executable, "-m", "pip", "-q", "install", "--target", folder, *packages]
    subprocess.run(words, check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})


def install_tool(base: Base) -> Tool:
    """Build the wheel and install it with its dependencies, once a session."""

    def make() -> str:
        wheel = build_wheel(base.path / "dist")
        return str(make_environment(base.path / "tool", wheel))

    return Tool(base, Path(base.once("tool", make)))
