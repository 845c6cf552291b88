"""Base interpreters: a conda-style prefix, one that is upgraded or goes away, and those that pyenv built here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import FEATURES, IS_ROOT, Tool, User, Venv, make_project
from tests.support.venvs import copy_interpreter

pytestmark = pytest.mark.e2e

LOOK = "import os, sys; print(os.getpid() < 9, sys.prefix, sys.version_info[0])"
PYENV = sorted(Path("/root/.pyenv/versions").glob("3.*/bin/python3")) if IS_ROOT else []
PYENV = [path for path in PYENV if int(path.parts[-3].split(".")[1]) >= 9]


@pytest.fixture
def own(ordinary_user: User) -> tuple[Path, str]:
    """A prefix of the ordinary user's with a copy of the system's Python; its version."""
    user = ordinary_user
    prefix = user.makedirs(user.home / "prefixes") / "one"
    version = copy_interpreter(prefix)
    user.own_tree(prefix)
    return prefix, version


@pytest.mark.slow
def test_an_environment_of_condas_layout(tool: Tool, ordinary_user: User, backend: str, own: tuple[Path, str]) -> None:
    """No pyvenv.cfg: ``conda-meta``, and everything in one prefix, which is the base and the venv."""
    tool.require(ordinary_user, *FEATURES[backend])
    user, (prefix, version) = ordinary_user, own
    user.write(prefix / "conda-meta" / "history", "")
    site = prefix / "lib" / f"python{version}"  # Debian has no site-packages there
    user.write(site / "thing.py", "def main():\n    print('thing')\n")
    script = f"#!{prefix}/bin/python\nimport thing\nthing.main()\n"
    user.write(prefix / "bin" / "thing", script, 0o755)
    project = user.makedirs(user.home / "project")
    venv = Venv(tool, user, backend, project, prefix)
    venv.wrap("--project", project).check()
    assert venv.python(LOOK).check().stdout == f"True {prefix} 3\n"
    assert venv.run("thing").check().stdout == "thing\n"
    assert venv.python("import ssl, ctypes, sqlite3").check().stderr == ""
    denied = venv.python("import thing; open(thing.__file__, 'a')")
    assert "Read-only file system" in denied.check(1).stderr
    venv.sandbox("unwrap", prefix).check()
    assert (prefix / "bin" / "thing").read_text() == script
    assert "False" in venv.python(LOOK).check().stdout


def test_a_base_that_is_upgraded_or_goes_away(
    tool: Tool, ordinary_user: User, backend: str, own: tuple[Path, str]
) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    user, (prefix, version) = ordinary_user, own
    venv = make_project(tool, user, backend, python=prefix / "bin" / "python3")
    venv.wrap().check()
    before = venv.python(LOOK).check().stdout
    # An upgrade writes new files of the same names.
    binary = prefix / "bin" / f"python{version}"
    shutil.copy2(binary, prefix / "new")
    user.own(prefix / "new")
    os.replace(prefix / "new", binary)
    module = prefix / "lib" / f"python{version}" / "this.py"
    user.write(module, "print('upgraded')\n")
    assert venv.python(f"import this; {LOOK}").check().stdout == f"upgraded\n{before}"
    prefix.rename(prefix.with_name("gone"))
    for done in (venv.python(LOOK), venv.sandbox("wrap", venv.path, "--backend", backend)):
        error, hint = done.check(125).stderr.splitlines()
        assert f"its base interpreter '{binary}' is gone" in error
        assert "python3 -m venv --clear" in hint
    venv.sandbox("unwrap", venv.path).check()  # what the hint says begins with it
    assert (venv.bin / "python3").readlink() == prefix / "bin" / "python3"


@pytest.mark.full
@pytest.mark.parametrize("who", ["root"])
@pytest.mark.parametrize("python", PYENV, ids=lambda path: path.parts[-3])
def test_an_interpreter_that_pyenv_built_here(make_venv: Callable[..., Venv], python: Path) -> None:
    """Below root's home, its owner: some with a shared libpython found by an absolute RUNPATH."""
    venv = make_venv(python=python)
    code = f"import bz2, ctypes, lzma, sqlite3, ssl, subprocess; {LOOK}"
    assert venv.python(code).check().stdout == f"True {venv.path} 3\n"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LOOK!r}], check=True)"
    assert venv.python(nested).check().stdout == f"True {venv.path} 3\n"
    inner = "import subprocess as s, sys; s.run([sys.executable, '-m', 'venv', '--without-pip', 'inner'], check=True); "
    inner += f"s.run(['inner/bin/python', '-c', {LOOK!r}], check=True)"
    assert venv.python(inner, timeout=120).check().stdout == f"True {venv.project}/inner 3\n"
