"""Developers' tools by their own entry points, in one wrapped venv of an ordinary user."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness import CTRL_C, Venv, run_as, spawn_as, system_python
from tests.support.messages import Debugger, Messages

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.registry]

SHOW = "python -c 'import six, sys; print(six.__version__ > \"1\", sys.prefix)'"
TOX = f"[tox]\nno_package = true\n[testenv]\ndeps = six\ncommands = {SHOW}\n"
NOX = """
import nox
@nox.session
def t(session):
    session.install("six")
    session.run("python", "-c", "import six, sys; print(six.__version__ > '1', sys.prefix)")
"""
INSTALLING = {"SANDBOX_ENV": "PIP_*"}
"""How to reach the package registry: run sessions aren't told unless somebody says so"""


def test_tox_nox_and_virtualenv_make_environments(toolbox: Venv, place: Path) -> None:
    user = toolbox.user
    user.write(place / "tox.ini", TOX)
    user.write(place / "noxfile.py", NOX)
    done = toolbox.run("tox", "-q", cwd=place, given=INSTALLING, timeout=240).check()
    assert f"True {place}/.tox/py\n" in done.stdout
    done = toolbox.run("nox", cwd=place, given=INSTALLING, timeout=240).check()
    assert f"True {place}/.nox/t\n" in done.stdout
    toolbox.run("virtualenv", "-q", "--no-download", "inner", cwd=place, timeout=120).check()
    code = "import subprocess; subprocess.run(['inner/bin/python', '-c', 'import sys; print(sys.prefix)'], check=True)"
    assert toolbox.python(code, cwd=place).check().stdout == f"{place}/inner\n"


def test_pip_tools_compile_and_sync(toolbox: Venv, place: Path) -> None:
    toolbox.user.write(place / "requirements.in", "six\n")
    toolbox.run("pip-compile", "-q", "--strip-extras", cwd=place, given=INSTALLING, timeout=240).check()
    assert re.search(r"^six==", (place / "requirements.txt").read_text(), re.MULTILINE)
    done = toolbox.run("pip-sync", "--dry-run", "requirements.txt", cwd=place, timeout=120)
    assert "Would uninstall" in done.stdout, done


def test_ipython_on_a_terminal(toolbox: Venv, place: Path) -> None:
    with toolbox.terminal("ipython", "--no-banner", "--colors=NoColor", cwd=place) as terminal:
        terminal.expect(r"In \[")
        terminal.send("6 * 700\n")
        terminal.expect("4200")
        terminal.send("import time; print('z' * 3); time.sleep(60)\n")
        terminal.expect("zzz")
        terminal.send(CTRL_C)
        terminal.expect("KeyboardInterrupt")
        terminal.send("!echo $((40+2))43\n")
        terminal.expect("4243")
        terminal.send("exit\n")
        terminal.wait().check()
    with sqlite3.connect(toolbox.home / ".ipython" / "profile_default" / "history.sqlite") as history:
        assert ("6 * 700",) in history.execute("select source from history").fetchall()
    assert not (toolbox.user.home / ".ipython").exists()


def test_a_debugger_attaches_over_loopback(toolbox: Venv, place: Path) -> None:
    app = toolbox.user.write(place / "app.py", "value = 41\nvalue += 1\nprint(value)\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client", str(app)]
    process = toolbox.spawn("python", "-Xfrozen_modules=off", *words, cwd=place)
    for _ in range(240):
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            break
        except OSError:
            time.sleep(0.25)
    else:
        pytest.fail("nobody listens")
    with connection, connection.makefile("rwb") as file:
        client = Debugger(file, file)  # type: ignore[arg-type]
        client.initialize(adapterID="test")
        client.request("attach", justMyCode=True)
        frame = client.stop_at(app, 3)
        assert client.evaluate("value", frame) == "42"
        client.go_on()
        client.until(event="terminated")
    assert process.wait().check().stdout == "42\n"


def test_pyright_inside_and_outside_sees_the_venvs_packages(toolbox: Venv, place: Path) -> None:
    toolbox.user.write(place / "bad.py", "import tox, nosuch\nx: int = ''\n")
    (site,) = toolbox.path.glob("lib/python3*/site-packages")
    active = {"PATH": f"{toolbox.bin}:/usr/bin:/bin"}  # pyright asks the first python there
    inside = toolbox.run("pyright", "--outputjson", "bad.py", cwd=place, env=active, timeout=240).check(1)
    words: list[Any] = [
        system_python(),
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        toolbox.bin / "python",
        "bad.py",
    ]
    outside = run_as(toolbox.user, words, cwd=place, env={"PYTHONPATH": site}, timeout=240).check(1)
    for done in (inside, outside):
        rules = [item["rule"] for item in json.loads(done.stdout)["generalDiagnostics"]]
        assert rules == ["reportMissingImports", "reportAssignmentType"], done


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_language_server_completes_from_the_venvs_packages(toolbox: Venv, place: Path, where: str) -> None:
    """Outside, jedi runs the wrapped interpreter on its own files: they must be visible, as they are in the venv."""
    (site,) = toolbox.path.glob("lib/python3*/site-packages")
    words: list[Any] = [toolbox.bin / "pylsp"]
    if where == "outside":
        words = [system_python(), "-c", "import pylsp.__main__ as m; m.main()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    env = {"PYTHONPATH": site} if where == "outside" else {}
    process = spawn_as(toolbox.user, words, cwd=place, env=env, **pipes)  # type: ignore[arg-type]
    assert process.popen.stdin
    assert process.popen.stdout
    client = Messages(process.popen.stdout, process.popen.stdin)
    uri = (place / "some.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": "import click\nclick.ech\n"}
    settings = {"pylsp": {"plugins": {"jedi": {"environment": str(toolbox.bin / "python")}}}}
    client.send(jsonrpc="2.0", id=1, method="initialize", params={"rootUri": place.as_uri(), "capabilities": {}})
    client.until(id=1)
    client.send(jsonrpc="2.0", method="initialized", params={})
    client.send(jsonrpc="2.0", method="workspace/didChangeConfiguration", params={"settings": settings})
    client.send(jsonrpc="2.0", method="textDocument/didOpen", params={"textDocument": document})
    at = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 9}}
    client.send(jsonrpc="2.0", id=2, method="textDocument/completion", params=at)
    labels = [item["label"] for item in client.until(id=2)["result"]["items"]]
    assert any(label.startswith("echo_via_pager") for label in labels), labels
    client.send(jsonrpc="2.0", id=3, method="shutdown")
    client.until(id=3)
    client.send(jsonrpc="2.0", method="exit")
    process.popen.stdin.close()
    process.popen.stdin = None
    process.wait().check()


def test_pytest_by_itself_in_parallel_with_coverage_and_in_the_debugger(toolbox: Venv, place: Path) -> None:
    test = (
        "import pytest, unittest\nfrom hypothesis import given, strategies as s\n"
        "@pytest.mark.parametrize('n', range(8))\ndef test_it(n, tmp_path): (tmp_path / 'x').touch()\n"
        "@given(s.text())\ndef test_given(text): assert text.encode().decode() == text\n"
        "class TestCase(unittest.TestCase):\n    def test_one(self): self.assertTrue(True)\n"
    )
    toolbox.user.write(place / "test_it.py", test)
    for words in (["pytest", "-n", "2"], ["coverage", "run", "-m", "pytest"], ["python", "-m", "pytest"]):
        assert "10 passed" in toolbox.run(*words, cwd=place, timeout=120).check().stdout
    assert "TOTAL" in toolbox.run("coverage", "report", cwd=place).check().stdout
    assert "Ran 1 test" in toolbox.run("python", "-m", "unittest", "test_it.TestCase", cwd=place).check().stderr
    toolbox.user.write(place / "bad.py", "def test_bad():\n    value = 42\n    assert value == 43\n")
    with toolbox.terminal("pytest", "--pdb", "bad.py", cwd=place) as terminal:
        terminal.expect(r"\(Pdb\)")
        terminal.send("p value * 100\n")
        terminal.expect("4200")
        terminal.send("q\n")
        terminal.wait().check(2)


def test_what_a_tool_brought_along_is_not_in_the_users_home(toolbox: Venv) -> None:
    assert set(os.listdir(toolbox.user.home)) <= {".local", ".cache", "toolbox"}
