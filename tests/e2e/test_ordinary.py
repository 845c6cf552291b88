"""What ordinary programs do with the system works inside: some eighty operations of Python and libc."""

from __future__ import annotations

import shutil
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import IS_ROOT, Venv, run_as, system_python

pytestmark = pytest.mark.e2e

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("ordinary_*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=[path.stem for path in PROGRAMS])
def test_ordinary_operations_work(shared_venv: Venv, program: Path) -> None:
    shutil.copy(program, shared_venv.project)
    done = shared_venv.run("python", program.name, timeout=120).check()
    assert done.stdout.endswith("operations, 0 bad\n"), done.stdout


def test_the_standard_library_is_whole(shared_venv: Venv) -> None:
    """What is a link out of it on this machine (Debian: sitecustomize.py) leads somewhere inside, too."""
    code = (
        "import os; folder = os.path.dirname(os.__file__); "
        "print([name for name in sorted(os.listdir(folder)) if not os.path.exists(os.path.join(folder, name))])"
    )
    outside = run_as(shared_venv.user, [system_python(), "-c", code]).check().stdout
    assert shared_venv.python(code).check().stdout == outside


@pytest.mark.parametrize("way", [{}, {"VERBOSE": "1"}], ids=["quiet", "verbose"])
def test_in_the_c_locale_python_chooses_as_outside(shared_venv: Venv, way: dict[str, str]) -> None:
    """Verbose starts are the Python launcher's, which chose for itself before."""
    code = "import os, sys; print(sys.flags.utf8_mode, os.environ.get('LC_CTYPE'))"
    for env in ({"LANG": None}, {"LANG": None, "LC_CTYPE": "C.UTF-8"}):
        outside = run_as(shared_venv.user, [system_python(), "-c", code], env=env).check().stdout
        assert shared_venv.python(code, env={**env, **way}).check().stdout == outside


@pytest.mark.registry
def test_https_by_the_standard_library(shared_venv: Venv) -> None:
    code = "import urllib.request; print(urllib.request.urlopen('https://pypi.org/simple/six/').status)"
    assert shared_venv.python(code).check().stdout == "200\n"


@pytest.fixture(params=[pytest.param("root", marks=pytest.mark.slow), "user"] if IS_ROOT else ["user"])
def either_venv(request: pytest.FixtureRequest, shared_venvs: Callable[[str, str], Venv], backend: str) -> Venv:
    """As ``shared_venv``, root's for `make test-all` alone: each installs pip, which takes seconds."""
    return shared_venvs(request.param, backend)


def test_a_venv_with_pip_is_made_inside(either_venv: Venv) -> None:
    code = (
        "import subprocess, sys, shutil; subprocess.run([sys.executable, '-m', 'venv', 'inner'], check=True); "
        "print(subprocess.check_output(['inner/bin/pip', '--version'], text=True).split()[0]); shutil.rmtree('inner')"
    )
    assert either_venv.python(code, timeout=120).check().stdout == "pip\n"


def test_a_probe_gets_its_json_and_nothing_else(shared_venv: Venv) -> None:
    script = shared_venv.user.write(
        shared_venv.user.home / "extension" / "interpreterInfo.py",
        "import json, sys; print(json.dumps({'prefix': sys.prefix, 'is64Bit': sys.maxsize > 2**32}))\n",
    )
    done = shared_venv.run("python", "-I", script, cwd=shared_venv.user.home).check()
    assert done.stdout == f'{{"prefix": "{shared_venv.path}", "is64Bit": true}}\n'
    assert done.stderr == ""


def test_http_server_serves_the_project_and_ends_by_sigint(shared_venv: Venv) -> None:
    shared_venv.user.write(shared_venv.project / "served.txt", "served")
    process = shared_venv.spawn("python", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0")
    assert process.popen.stdout
    address = process.popen.stdout.readline().decode().partition("(")[2].partition(")")[0]
    with urllib.request.urlopen(f"{address}served.txt", timeout=30) as answer:
        assert answer.read() == b"served"
    process.signal(signal.SIGINT)
    done = process.wait().check()
    assert "Keyboard interrupt received" in done.stdout
