"""The public Python API, used from a program in the tool's own environment."""

from __future__ import annotations

import json
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
