"""What IDEs do with an interpreter, replayed or by their own programs: VS Code; PyCharm more in test_pycharm.py."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Result, Venv, spawn_as
from tests.support.messages import Debugger
from tests.support.programs import lack
from tests.support.tool import install_into

pytestmark = pytest.mark.e2e


CONNECT_BACK = """
import os, runpy, socket, sys
port, script = int(sys.argv[1]), sys.argv[2]
with socket.create_connection(("127.0.0.1", port)) as ide:
    ide.sendall(b"hello from %d\\n" % os.getpid())
    sys.argv = [script]
    runpy.run_path(script, run_name="__main__")
    ide.sendall(b"done\\n")
"""


class Listener:
    """The IDE's end of a debugger: takes one connection and keeps what it was told."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(30)
        self.port = self.socket.getsockname()[1]
        self.told = b""
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        with self.socket, self.socket.accept()[0] as peer:
            while chunk := peer.recv(4096):
                self.told += chunk


@pytest.mark.parametrize(
    "preset, folder",
    [
        ("vscode", ".vscode/extensions/ms-python.debugpy-2025.1.0/bundled/libs/debugpy"),
        ("vscode", ".cursor-server/extensions/ms-python.debugpy-2025.1.0/bundled/libs/debugpy"),
        ("pycharm", ".local/share/JetBrains/Toolbox/apps/pycharm/plugins/python-ce/helpers/pydev"),
    ],
)
def test_a_debugger_of_the_ide_runs_inside_and_connects_back(
    preset_venv: Callable[..., Venv], preset: str, folder: str
) -> None:
    venv = preset_venv(preset, wrap=False)
    launcher = venv.user.write(venv.user.home / folder / "launcher" / "__main__.py", "import session\n")
    venv.user.write(launcher.parent / "session.py", CONNECT_BACK)
    venv.user.write(venv.user.home / ".vscode" / "argv.json", "secret")
    script = venv.user.write(venv.project / "app.py", "print('running', __name__)\n")
    venv.wrap("--preset", preset).check()
    ide = Listener()
    done = venv.run("python", launcher.parent, str(ide.port), script)
    ide.thread.join()
    assert done.check().stdout == "running __main__\n"
    assert ide.told.startswith(b"hello from ")
    assert ide.told.endswith(b"done\n")
    done = venv.run("python", launcher.parent.parent).check(1)  # a directory that is there, and nothing to run in it
    assert "__main__" in done.stderr
    assert "visible" not in done.stderr
    done = venv.run("python", launcher.with_name("session.py")).check(1)  # it is given too few arguments
    assert "visible" not in done.stderr
    code = f"import os; os.remove({str(launcher)!r})"
    assert "Read-only file system" in venv.python(code).stderr
    assert "No such file" in venv.python(f"open({str(venv.user.home / '.vscode/argv.json')!r})").stderr


@pytest.mark.full
@pytest.mark.registry
@pytest.mark.parametrize("console", ["internalConsole", "integratedTerminal"])
def test_vs_codes_debug_adapter_runs_inside_and_its_debuggee_connects_back(
    preset_venv: Callable[..., Venv], console: str
) -> None:
    """What the extension does: the venv's Python on the adapter that it brings along, spoken to over pipes.

    With a terminal the editor starts the debuggee, so in a sandbox of its own: both meet on the loopback.
    """
    venv = preset_venv("vscode", wrap=False)
    libs = venv.user.makedirs(venv.user.home / ".vscode/extensions/ms-python.debugpy-2025.1.0/bundled/libs")
    install_into(libs, "debugpy")
    venv.user.own_tree(libs)
    app = venv.user.write(venv.project / "app.py", "value = 41\nvalue += 1\nprint('value is', value)\n")
    venv.wrap("--preset", "vscode").check()
    adapter = venv.argv("python", libs / "debugpy" / "adapter")
    process = spawn_as(venv.user, adapter, cwd=venv.project, stdin=subprocess.PIPE)
    assert process.popen.stdin
    assert process.popen.stdout
    ide = Debugger(process.popen.stdout, process.popen.stdin)
    ide.initialize(adapterID="debugpy", supportsRunInTerminalRequest=True)
    ide.request("launch", type="debugpy", program=str(app), console=console, cwd=str(venv.project))
    started = None
    if console == "integratedTerminal":
        asked = ide.until(command="runInTerminal")
        started = spawn_as(venv.user, asked["arguments"]["args"], cwd=Path(asked["arguments"]["cwd"]))
        answer = {"request_seq": asked["seq"], "success": True, "body": {}}
        ide.send(seq=99, type="response", command="runInTerminal", **answer)
    frame = ide.stop_at(app, 3)
    code = "str(value) + str(__import__('os').path.exists('/etc/shadow'))"
    assert ide.evaluate(code, frame) == "'42False'"
    ide.go_on()
    if started:
        assert "value is 42" in started.wait().check().stdout
    else:
        printed = ""
        while "value is 42" not in printed:  # one event a write
            printed += ide.until(event="output")["body"]["output"]
    ide.request("disconnect")
    process.wait()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_the_test_explorers_pipe_reaches_it(preset_venv: Callable[..., Venv], kind: str) -> None:
    """vscode-python's pytest plug-in opens $TEST_RUN_PIPE, a named pipe, and writes what it found."""
    venv = preset_venv("vscode")
    folder = venv.user.makedirs(venv.user.home / "run", 0o700)
    path = folder / "python-test-discovery-123.sock"
    venv.user.write(folder / "other", "secret")
    if kind == "pipe":
        os.mkfifo(path)
        code = "import os; f = open(os.environ['TEST_RUN_PIPE'], 'wb'); f.write(b'found 3'); f.close()"
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        code = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['TEST_RUN_PIPE']); s.sendall(b'found 3')"
    venv.user.own(path)
    path.chmod(0o600)
    code += f"; print(os.listdir({str(folder)!r}))"
    process = venv.spawn("python", "-c", code, given={"TEST_RUN_PIPE": path})
    if kind == "pipe":
        told = path.read_bytes()
    else:
        server.settimeout(20)
        with server.accept()[0] as peer:
            told = peer.recv(100)
        server.close()
    assert told == b"found 3"
    done = process.wait().check()
    assert done.stdout == "['python-test-discovery-123.sock']\n"


def test_two_named_files_in_one_directory_are_both_there(preset_venv: Callable[..., Venv]) -> None:
    """A test run has two: the pipe for results, and a file with the tests' names. $XDG_RUNTIME_DIR may be anywhere."""
    venv = preset_venv("vscode")
    folder = venv.user.makedirs(venv.user.home / "run", 0o700)
    pipe = folder / "python-test-results-123"
    os.mkfifo(pipe)
    venv.user.own(pipe)
    ids = venv.user.write(folder / "test-ids-123.txt", "a.py::test_a")
    code = "import os; e = os.environ; f = open(e['TEST_RUN_PIPE'], 'wb'); f.write(open(e['RUN_TEST_IDS_PIPE'], 'rb').read()); f.close()"
    process = venv.spawn("python", "-c", code, given={"TEST_RUN_PIPE": pipe, "RUN_TEST_IDS_PIPE": ids})
    assert pipe.read_bytes() == b"a.py::test_a"
    process.wait().check()


def test_an_editor_that_is_installed_after_the_wrap_is_seen(preset_venv: Callable[..., Venv]) -> None:
    venv = preset_venv("vscode")
    venv.python("pass").check()
    script = venv.user.write(venv.user.home / ".vscode/extensions/a/run.py", "import beside\n")
    venv.user.write(script.with_name("beside.py"), "print('imported')\n")
    assert venv.run("python", script).check().stdout == "imported\n"


class Pipe:
    """The extension's end of a named pipe: src/client/common/pipes/namedPipes.ts."""

    def __init__(self, venv: Venv, name: str) -> None:
        self.path = venv.user.makedirs(venv.user.home / "run", 0o700) / name
        os.mkfifo(self.path)
        venv.user.own(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def messages(self, process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
        """Return what was told until the process ended."""
        data = b""
        while process.poll() is None or not data.endswith(b"}"):
            try:
                chunk = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                chunk = b""
            data += chunk
            if not chunk:
                if process.poll() is not None:
                    break
                time.sleep(0.02)
        os.close(self.fd)
        found = []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split()[0])
            found.append(json.loads(data[:size])["params"])
            data = data[size:]
        return found


@pytest.fixture(scope="session")
def extension() -> Path:
    """The directory ``python_files`` of VS Code's Python extension, which no package registry has."""
    found = os.environ.get("SANDBOX_VENV_TEST_VSCODE", "")
    if not found:
        lack("VS Code's Python extension: SANDBOX_VENV_TEST_VSCODE names no python_files of it")
    return Path(found)


@pytest.mark.full
@pytest.mark.registry
def test_vs_codes_own_scripts_probe_discover_and_run(preset_venv: Callable[..., Venv], extension: Path) -> None:
    """Commands and variables as in vscode-python's src/client: environmentInfoService.ts, pytest*Adapter.ts."""
    venv = preset_venv("vscode", wrap=False)
    user = venv.user
    files = user.makedirs(user.home / ".vscode/extensions/ms-python.python-2026.1.0") / "python_files"
    shutil.copytree(extension, files)
    (site,) = venv.path.glob("lib/python3*/site-packages")
    install_into(site, "pytest", "pytest-cov")
    install_into(files / "lib" / "python", "typing-extensions")  # the extension's build does so
    user.own_tree(files)
    user.own_tree(site)
    test = "import unittest\nclass T(unittest.TestCase):\n    def test_u(self): assert True\ndef test_bad(): assert 1 == 2\n"
    user.write(venv.project / "test_x.py", test)
    venv.wrap("--preset", "vscode").check()
    done = venv.run("python", "-I", files / "get_output_via_markers.py", files / "interpreterInfo.py").check()
    assert json.loads(done.stdout.splitlines()[1])["sysPrefix"] == str(venv.path)
    assert done.stderr == ""

    def run(pipe: str, *words: str | Path, ids: str = "", **given: str) -> tuple[Result, list[dict[str, Any]]]:
        end = Pipe(venv, pipe)
        env: dict[str, Any] = {"TEST_RUN_PIPE": end.path, "PYTHONPATH": files, **given}
        if ids:
            env["RUN_TEST_IDS_PIPE"] = user.write(end.path.with_name(f"test-ids-{pipe}.txt"), ids)
        process = venv.spawn("python", *words, given=env)
        told = end.messages(process.popen)
        return process.wait(), told

    root = f"--rootdir={venv.project}"
    done, (told,) = run("discovery", "-m", "pytest", "-p", "vscode_pytest", "--collect-only", root)
    assert (done.check().stderr, told["status"]) == ("", "success")
    assert "test_x.py::test_bad" in json.dumps(told["tests"])
    script, name = files / "vscode_pytest" / "run_pytest_script.py", f"{venv.project}/test_x.py::test_bad"
    done, (told,) = run("results", script, root, ids=name)
    assert (done.check().stderr, told["result"][name]["outcome"]) == ("", "failure")
    done, told_all = run("coverage", script, root, ids=name, COVERAGE_ENABLED="True")
    assert 4 in told_all[-1]["result"][f"{venv.project}/test_x.py"]["lines_covered"]
    adapter = files / "unittestadapter"
    done, (told,) = run("unittest", adapter / "discovery.py", "--udiscovery", "-s", ".", "-p", "test_*.py")
    assert "test_x.T.test_u" in json.dumps(told["tests"])
    words = ["--udiscovery", "-s", ".", "-p", "test_*.py"]
    done, (told,) = run("unittest-run", adapter / "execution.py", *words, ids="test_x.T.test_u")
    assert told["result"]["test_x.T.test_u"]["outcome"] == "success"
