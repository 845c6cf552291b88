"""pip in a wrapped venv: what it installs, how, and what is left when it fails, is killed, or replaces itself."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.harness import FEATURES, Tool, User, Venv, make_project

pytestmark = pytest.mark.e2e

SETTINGS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "thing"
version = "1"
[project.scripts]
thing = "thing:main"
[tool.setuptools]
packages = ["thing"]
"""
EXTENSION = 'from setuptools import Extension, setup\nsetup(ext_modules=[Extension("thing._c", ["c.c"])])\n'
C = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_c", 0, -1, 0};
PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }
"""
COMPILER = {"BWRAP_ARGS": "--ro-bind /usr /usr --ro-bind /lib /lib"}


@pytest.fixture
def with_pip(tool: Tool, ordinary_user: User, backend: str) -> Venv:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend, pip=True)
    venv.wrap().check()
    return venv


def write_package(venv: Venv) -> Path:
    folder = venv.project / "source"
    venv.user.write(folder / "pyproject.toml", SETTINGS)
    venv.user.write(folder / "thing" / "__init__.py", "def main():\n    print('thing', 1)\n")
    return folder


@pytest.mark.full
@pytest.mark.registry
def test_installs_of_every_kind(with_pip: Venv) -> None:
    venv, user = with_pip, with_pip.user
    folder = write_package(venv)

    # Editable: what is changed is seen at once, and its script starts in a sandbox.
    venv.run("pip", "install", "-e", folder, timeout=240).check()
    assert venv.run("thing").check().stdout == "thing 1\n"
    user.write(folder / "thing" / "__init__.py", "import os\ndef main():\n    print('thing', os.getpid() < 9)\n")
    assert venv.run("thing").check().stdout == "thing True\n"
    venv.run("python", "-m", "pip", "uninstall", "-y", "thing").check()
    assert not (venv.bin / "thing").exists()

    # C code, with build isolation: as the sandbox is, no compiler is there; shown, there is.
    user.write(folder / "setup.py", EXTENSION)
    user.write(folder / "c.c", C)
    denied = venv.run("pip", "install", folder, timeout=240)
    assert denied.status == 1
    assert not (venv.bin / "thing").exists()
    venv.run("pip", "install", folder, given=COMPILER, timeout=240).check()
    assert venv.python("import thing._c").check().stdout == ""

    # From a file of requirements, by python -m pip; the user's own site is refused.
    user.write(venv.project / "requirements.txt", "six\npygments\n")
    venv.run("python", "-m", "pip", "install", "-r", "requirements.txt", timeout=240).check()
    assert venv.run("pygmentize", "-V").check().stdout.startswith("Pygments")
    refused = venv.run("pip", "install", "--user", "six")
    assert "Can not perform a '--user' install" in refused.check(1).stderr
    assert "No broken requirements" in venv.run("pip", "check").check().stdout
    assert "six" in venv.run("pip", "list").check().stdout

    # pip replaces itself, down and up again, by either name, and all its names stay launchers.
    for words, wanted in ((["pip"], "pip<24"), (["python", "-m", "pip"], "pip>=24")):
        venv.run(*words, "install", "-q", "--upgrade", wanted, timeout=240).check()
        for name in ("pip", "pip3"):
            version = int(venv.run(name, "--version").check().stdout.split()[1].split(".")[0])
            assert (version < 24) == (wanted == "pip<24")
            assert (venv.bin / name).read_bytes() != (venv.path / "sandbox" / "bin" / name).read_bytes()
    venv.sandbox("verify", venv.path).check()
    assert {path.name for path in user.home.iterdir()} <= {".local", venv.project.name}


@pytest.mark.full
@pytest.mark.registry
def test_a_failed_and_a_killed_install_leave_the_venv_as_it_was(with_pip: Venv) -> None:
    venv = with_pip
    failed = venv.run("pip", "install", "-q", "six==0.0.0.dev999999", timeout=240)
    assert "No matching distribution" in failed.check(1).stderr
    folder = write_package(venv)
    # The build says that it began, and then takes its time.
    began = folder / "began"
    slow = "import time\nopen('began', 'w').close()\ntime.sleep(300)\n"
    venv.user.write(folder / "setup.py", slow)
    for number in (signal.SIGINT, signal.SIGKILL):
        began.unlink(missing_ok=True)
        process = venv.spawn("pip", "install", "-q", folder)
        for _ in range(600):
            if began.exists():
                break
            time.sleep(0.1)
        else:
            pytest.fail("the build did not begin")
        process.signal(number)
        process.wait()
        assert venv.python("import os; print(os.getpid() < 9)").check().stdout == "True\n"
        venv.run("python", "-m", "pip", "install", "-q", "six", timeout=240).check()
    assert venv.python("import thing", cwd=venv.user.home).status == 1
    venv.sandbox("verify", venv.path).check()


def test_the_cache_is_the_venvs_own_unless_the_users_is_asked_for(with_pip: Venv) -> None:
    venv, user = with_pip, with_pip.user
    for shared in (False, True):
        files = [
            user.write(cache / "pip" / "http" / "a" / "b", "x")
            for cache in (user.home / ".cache", venv.path / "sandbox" / "cache")
        ]
        given = {"SANDBOX_USE_PIP_CACHE": "1"} if shared else {}
        assert venv.run("pip", "cache", "purge", given=given).check().stdout.startswith("Files removed: 1")
        assert [file.exists() for file in files] == [not shared, shared]
