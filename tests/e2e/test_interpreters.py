"""Interpreters below an ordinary user's home, and what is said when the tool's own is gone."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.harness import Tool, User, make_project, run_as, system_python
from tests.support.process import Argument
from tests.support.tool import FEATURES
from tests.support.venvs import copy_interpreter

pytestmark = pytest.mark.e2e


def make_wheel(folder: Path) -> Path:
    """Write a wheel with a module and a console script."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "def main():\n    print('tiny')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


@pytest.mark.slow
def test_an_interpreter_of_pyenvs_below_the_home(tool: Tool, ordinary_user: User, backend: str) -> None:
    """``~/.pyenv/versions/X.Y.Z``: its prefix is shown, read-only, and the rest of the home isn't."""
    tool.require(ordinary_user, *FEATURES[backend])
    user = ordinary_user
    prefix = user.makedirs(user.home / ".pyenv" / "versions") / "3.x.1"
    copy_interpreter(prefix)
    user.own_tree(prefix)
    user.write(user.home / ".pyenv" / "secret", "secret")
    venv = make_project(tool, user, backend, python=prefix / "bin" / "python3", pip=True)
    venv.wrap().check()
    code = "import ssl, sys; print(sys.base_prefix, ssl.__file__.startswith(sys.base_prefix))"
    assert venv.python(code).check().stdout == f"{prefix} True\n"
    assert venv.sandbox("run", "--backend", backend, "--", "python", "-c", code).check().stdout == f"{prefix} True\n"
    for entry in ("python", "pip"):  # in no kind of session
        done = venv.run(entry, "--version").check()
        assert str(venv.path if entry == "pip" else "Python") in done.stdout
    write = "import os; print(os.listdir(os.path.expanduser('~/.pyenv'))); open(os.__file__ + 'x', 'w')"
    denied = venv.python(write).check(1)
    assert denied.stdout == "['versions']\n"
    assert "Read-only file system" in denied.stderr
    wheel = make_wheel(venv.project)
    venv.run("pip", "install", "--no-index", wheel.name).check()
    assert venv.run("tiny").check().stdout == "tiny\n"
    shutil.move(prefix, prefix.with_name("gone"))
    done = venv.python("print(1)").check(125)
    line, hint = done.stderr.splitlines()
    assert "its base interpreter" in line
    assert line.endswith("is gone")
    assert hint.startswith("hint: install that Python again")


def test_without_the_tools_interpreter_nothing_runs_unsandboxed(tool: Tool, user: User, backend: str) -> None:
    """The C launcher needs none where a plan is fresh, or says what is gone; a stub isn't even started by the kernel."""
    tool.require(user, *FEATURES[backend])
    venv = make_project(tool, user, backend)
    prefix = user.makedirs(user.home / "own")
    source = Path(os.path.realpath(system_python()))
    for name in ("bin", "lib"):
        user.makedirs(prefix / name)
    user.own(Path(shutil.copy2(source, prefix / "bin" / source.name)))
    (prefix / "lib" / source.name).symlink_to(source.parent.parent / "lib" / source.name)
    (site,) = tool.path.glob("lib/python3*/site-packages")
    words: list[Argument] = [
        prefix / "bin" / source.name,
        "-m",
        "sandbox_venv",
        "wrap",
        venv.path,
        "--backend",
        backend,
    ]
    run_as(user, words, env={"PYTHONPATH": site}).check()
    look = "import os; print(os.path.exists('/etc/shadow'))"
    assert venv.python(look).check().stdout == "False\n"
    is_stub = (venv.bin / "python").read_bytes().startswith(b"#!")
    prefix.rename(user.home / "gone")
    done = venv.python(look)
    if is_stub:
        assert (done.status, done.stdout) == (127, "")
    else:
        assert done.check().stdout == "False\n"
        done = venv.python(look, env={"VERBOSE": "1"})
    if not is_stub:
        line, hint = done.check(125).stderr.splitlines()
        assert line == "sandbox-venv: start sandbox: the Python that it was installed with is gone"
        assert hint == "hint: install sandbox-venv again, and wrap the venv again"
    assert "the tool's interpreter is gone" in venv.sandbox("verify", venv.path).stdout
    venv.wrap().check()
    assert venv.python(look).check().stdout == "False\n"
