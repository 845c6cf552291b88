"""Real venvs in real projects, plain or wrapped."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.base import Base, system_python
from tests.support.process import Argument, Process, Result, run_as, spawn_as
from tests.support.terminal import Terminal
from tests.support.tool import Tool, make_environment
from tests.support.users import User, new_user


@dataclass(frozen=True, slots=True)
class Venv:
    """A project with a venv of ``user``'s. ``entry`` below is a name in its ``bin``."""

    tool: Tool
    user: User
    backend: str
    project: Path
    path: Path

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    @property
    def home(self) -> Path:
        """What is $HOME inside."""
        return self.path / "home"

    def argv(self, entry: str, *words: Argument) -> list[Argument]:
        return [self.bin / entry, *words]

    def run(self, entry: str, *words: Argument, cwd: Path | None = None, **more: Any) -> Result:
        """Run an entry point to its end; see :func:`run_as` for ``env``, ``given``, ``input``, ``timeout``."""
        return run_as(self.user, self.argv(entry, *words), cwd=cwd or self.project, **more)

    def python(self, code: str, *words: Argument, **more: Any) -> Result:
        """Run ``python -c code words…``."""
        return self.run("python", "-c", code, *words, **more)

    def spawn(self, entry: str, *words: Argument, cwd: Path | None = None, **more: Any) -> Process:
        """Start an entry point; see :func:`spawn_as`."""
        return spawn_as(self.user, self.argv(entry, *words), cwd=cwd or self.project, **more)

    def terminal(self, entry: str, *words: Argument, cwd: Path | None = None, **more: Any) -> Terminal:
        """Start an entry point on a terminal of its own."""
        return Terminal(self.user, self.argv(entry, *words), cwd=cwd or self.project, **more)

    def sandbox(self, *words: Argument, cwd: Path | None = None, **more: Any) -> Result:
        """Run ``sandbox-venv words…`` in the project."""
        return self.tool.run(self.user, *words, cwd=cwd or self.project, **more)

    def wrap(self, *options: Argument, **more: Any) -> Result:
        """Wrap the venv with this test's backend."""
        return self.sandbox("wrap", self.path, "--backend", self.backend, *options, **more)


def make_project(
    tool: Tool,
    user: User,
    backend: str,
    *,
    name: str | None = None,
    venv: str = ".venv",
    pip: bool = False,
    packages: Sequence[Argument] = (),
    python: Argument | None = None,
    options: Sequence[Argument] = (),
    first: bool = False,
) -> Venv:
    """Make a project below the user's home with a real venv, not wrapped yet.

    ``pip`` is copied into it. ``packages`` are installed from outside. ``options`` go to ``python -m venv``. ``first``:
    the test is about how a user's first wrap goes; else the state directory is as after an earlier one.
    """
    project = user.makedirs(user.home / (name or f"project-{secrets.token_hex(3)}"))
    path = project / venv
    if python or options or path.name != ".venv" or not re.fullmatch(r"[\w./-]+", str(path), re.ASCII):
        words = [python or system_python(), "-m", "venv", "--without-pip", *options]
        run_as(user, [*words, path], cwd=project, timeout=180).check()
    else:
        _copy_venv(tool.base, user, path)
    if pip:
        copy_pip(tool.base, path)
    if packages:
        subprocess.run(
            [sys.executable, "-m", "pip", "--quiet", "--python", path / "bin" / "python", "install", *packages],
            check=True,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
        )
    if pip or packages:
        user.own_tree(path)
    made = Venv(tool, user, backend, project, path)
    if not first:
        give_state(made)
    return made


def _copy_venv(base: Base, user: User, path: Path) -> None:
    """Copy the venv that ``python -m venv --without-pip`` made once, in a tenth of the time; only its path is in it."""
    template = Path(base.once("plain", lambda: str(make_environment(base.path / "plain/.venv"))))
    shutil.copytree(template, path, symlinks=True)
    for text in (path / "pyvenv.cfg", *path.glob("bin/[aA]ctivate*")):
        text.write_bytes(text.read_bytes().replace(os.fsencode(template), os.fsencode(path)))
    user.own_tree(path)


def give_state(venv: Venv) -> None:
    """Give the venv's user what an earlier wrap left in the state directory: the tool's code, facts about ELF files.

    A first wrap takes three times as long as one that finds these. The code's files are links to one copy: no test
    changes them.
    """
    user, target = venv.user, venv.user.home / ".local/state/sandbox-venv"
    if target.exists():
        return
    source = Path(venv.tool.base.once(f"state-{user}", lambda: str(_first_state(venv))))
    for kind, put in (("code", os.link), ("facts", shutil.copy2)):
        for top, _, files in os.walk(source / kind):
            folder = user.makedirs(target / os.path.relpath(top, source), 0o700)
            for name in files:
                put(os.path.join(top, name), folder / name)
                user.own(folder / name)


def _first_state(venv: Venv) -> Path:
    """Wrap a venv of another home of the same user's; return the state directory there."""
    user = new_user(venv.tool.base, str(venv.user))
    made = make_project(venv.tool, user, venv.backend, first=True)
    made.wrap().check()
    made.sandbox("unwrap").check()
    return user.home / ".local/state/sandbox-venv"


def copy_pip(base: Base, venv: Path) -> None:
    """Put pip into ``venv`` from a template of this session: much quicker than ensurepip, the same files."""
    template = Path(base.once("template", lambda: str(_template(base))))
    (source,) = template.glob("lib/python3*/site-packages")
    (target,) = venv.glob("lib/python3*/site-packages")
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", target], check=True)
    for script in template.glob("bin/pip*"):
        copy = venv / "bin" / script.name
        text = script.read_bytes().replace(os.fsencode(template / "bin"), os.fsencode(venv / "bin"))
        copy.write_bytes(text)
        copy.chmod(0o755)


def _template(base: Base) -> Path:
    path = make_environment(base.path / "template")
    subprocess.run([path / "bin" / "python", "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    return path


def copy_interpreter(prefix: Path) -> str:
    """Copy the system's Python into a prefix of its own; return its version."""
    source = Path(os.path.realpath(system_python()))
    version = source.name.removeprefix("python")
    (prefix / "bin").mkdir(parents=True)
    shutil.copy2(source, prefix / "bin" / source.name)
    for name in ("python3", "python"):
        (prefix / "bin" / name).symlink_to(source.name)
    ignored = shutil.ignore_patterns("test", "tests", "__pycache__", "*.a", "idlelib", "config-*", "dist-packages")
    library = source.parent.parent / "lib" / source.name
    shutil.copytree(library, prefix / "lib" / source.name, symlinks=True, ignore=ignored, ignore_dangling_symlinks=True)
    return version
