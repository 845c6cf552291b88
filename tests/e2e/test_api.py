"""The public Python API, used from a program in the tool's own environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Result, Tool, User, Venv, run_as

pytestmark = pytest.mark.e2e

USE = """
import json, sys
from sandbox_venv.api import compile_policy, explain, run_command
from sandbox_venv.errors import SandboxError
venv, backend, options = json.loads(sys.argv[1])
try:
    policy = compile_policy(venv, backend=backend, options=options)
except SandboxError as error:
    print(json.dumps([error.message, error.hint]))
    sys.exit()
code = "import sys; print(sys.prefix, open('/proc/net/dev').read().count(':'), input()); sys.exit(7)"
done = run_command(policy, ["python3", "-c", code], input="in", capture_output=True, text=True)
print(json.dumps([policy.backend, policy.project, done.returncode, done.stdout, done.stderr, explain(policy)]))
"""


def use(tool: Tool, user: User, venv: Venv, backend: str, *options: str) -> list[Any]:
    argument = json.dumps([str(venv.path), backend, options])
    done: Result = run_as(user, [tool.python, "-I", "-c", USE, argument], cwd=venv.project).check()
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("wrap", [True, False])
def test_compile_run_and_explain(make_venv: Any, backend: str, wrap: bool) -> None:
    venv = make_venv(wrap=wrap)
    chosen, project, status, stdout, stderr, explained = use(venv.tool, venv.user, venv, backend, "--unshare-net")
    assert (chosen, project, status, stderr) == (backend, str(venv.project), 7, "")
    assert stdout == f"{venv.path} 1 in\n"
    assert (explained["backend"], explained["wrapped"]) == (backend, wrap)
    assert ["no network", True] in [[item["what"], item["in_force"]] for item in explained["enforced"]]


def test_an_error_is_one_exception_with_a_hint(make_venv: Any) -> None:
    venv = make_venv(wrap=False)
    message, hint = use(venv.tool, venv.user, venv, "auto", "--unshare-nett")
    assert "unknown option '--unshare-nett'" in message
    assert "--unshare-net" in hint


NO_VENV = """
import json, os, sys
from sandbox_venv.api import compile_policy, explain, run_command
policy = compile_policy("", options=["--unshare-net"])
os.chdir(sys.argv[1])
code = "import sys; print(sys.prefix == sys.base_prefix, open('/proc/net/dev').read().count(':'))"
done = run_command(policy, ["python3", "-c", code], capture_output=True, text=True)
print(json.dumps([policy.venv, policy.project, done.stdout, done.stderr, explain(policy, "x")["venv"]]))
"""


def test_a_policy_without_a_venv_stays_without_one_wherever_it_is_run(shared_venvs: Any) -> None:
    venv = shared_venvs("user", "native")
    place = venv.user.makedirs(venv.user.home / "elsewhere")
    given = {"VIRTUAL_ENV": str(venv.path)}
    done = run_as(venv.user, [venv.tool.python, "-I", "-c", NO_VENV, venv.project], cwd=place, env=given).check()
    assert json.loads(done.stdout) == [None, str(place), "True 1\n", "", None]


TYPED = """
from pathlib import Path
from typing import Any
from sandbox_venv.api import Policy, compile_policy, explain, run_command
from sandbox_venv.errors import SandboxError

def use(venv: Path) -> int:
    try:
        policy: Policy = compile_policy(venv, options=["--unshare-net"], session="run", backend="native")
    except SandboxError as error:
        print(error.message, error.hint or "")
        return error.status
    data: dict[str, Any] = explain(policy, "ruff")
    print(data["backend"], policy.project, policy.options)
    return run_command(policy, ["python", Path("app.py")], capture_output=True, text=True, timeout=60).returncode
"""


@pytest.mark.slow
def test_its_users_code_is_checked_by_types(tool: Tool, tmp_path: Path) -> None:
    def check(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "user.py").write_text(text)
        words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "--python-executable"]
        argv = [str(word) for word in (*words, tool.python, tmp_path / "user.py")]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)

    good, bad = check(TYPED), check(TYPED.replace('"native"', '"docker"'))
    assert good.returncode == 0, good.stdout
    assert 'Argument "backend" to "compile_policy" has incompatible type' in bad.stdout
