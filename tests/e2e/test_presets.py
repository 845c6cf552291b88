"""``--preset``: what IDEs and the desktop do is replayed; where the real thing is installed, that is run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_tools import Messages
from tests.harness import Tool, User, Venv, make_project, run_as, spawn_as
from tests.support.programs import need
from tests.support.tool import FEATURES

pytestmark = pytest.mark.e2e


@pytest.fixture
def make(tool: Tool, ordinary_user: User, backend: str) -> Callable[..., Venv]:
    """Make a venv of an ordinary user, wrapped with presets."""

    def wrapped(*presets: str, wrap: bool = True) -> Venv:
        tool.require(ordinary_user, *FEATURES[backend])
        venv = make_project(tool, ordinary_user, backend)
        if wrap:
            venv.wrap("--preset", ",".join(presets)).check()
        return venv

    return wrapped


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
    make: Callable[..., Venv], preset: str, folder: str
) -> None:
    venv = make(preset, wrap=False)
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
    assert "isn't visible" not in done.stderr
    code = f"import os; os.remove({str(launcher)!r})"
    assert "Read-only file system" in venv.python(code).stderr
    assert "No such file" in venv.python(f"open({str(venv.user.home / '.vscode/argv.json')!r})").stderr


@pytest.mark.full
@pytest.mark.registry
def test_vs_codes_debug_adapter_runs_inside_and_its_debuggee_connects_back(make: Callable[..., Venv]) -> None:
    """What the extension does: the venv's Python on the adapter that it brings along, spoken to over pipes."""
    venv = make("vscode", wrap=False)
    libs = venv.user.makedirs(venv.user.home / ".vscode/extensions/ms-python.debugpy-2025.1.0/bundled/libs")
    words: list[str | Path] = [sys.executable, "-m", "pip", "-q", "install", "--target", libs, "debugpy"]
    subprocess.run(words, check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
    venv.user.own_tree(libs)
    app = venv.user.write(venv.project / "app.py", "value = 41\nvalue += 1\nprint('value is', value)\n")
    venv.wrap("--preset", "vscode").check()
    adapter = venv.argv("python", libs / "debugpy" / "adapter")
    process = spawn_as(venv.user, adapter, cwd=venv.project, stdin=subprocess.PIPE)
    assert process.popen.stdin
    assert process.popen.stdout
    ide = Messages(process.popen.stdout, process.popen.stdin)
    ide.send(seq=1, type="request", command="initialize", arguments={"adapterID": "debugpy"})
    ide.until(command="initialize", success=True)
    launch = {"type": "debugpy", "program": str(app), "console": "internalConsole", "cwd": str(venv.project)}
    ide.send(seq=2, type="request", command="launch", arguments=launch)
    ide.until(event="initialized")
    breakpoints = {"source": {"path": str(app)}, "breakpoints": [{"line": 3}]}
    ide.send(seq=3, type="request", command="setBreakpoints", arguments=breakpoints)
    ide.send(seq=4, type="request", command="configurationDone")
    thread = ide.until(event="stopped")["body"]["threadId"]
    ide.send(seq=5, type="request", command="stackTrace", arguments={"threadId": thread})
    frame = ide.until(command="stackTrace")["body"]["stackFrames"][0]
    assert (frame["source"]["path"], frame["line"]) == (str(app), 3)
    code = "str(value) + str(__import__('os').path.exists('/etc/shadow'))"
    ide.send(seq=6, type="request", command="evaluate", arguments={"expression": code, "frameId": frame["id"]})
    assert ide.until(command="evaluate")["body"]["result"] == "'42False'"
    ide.send(seq=7, type="request", command="continue", arguments={"threadId": thread})
    printed = ""
    while "value is 42" not in printed:  # one event a write
        printed += ide.until(event="output")["body"]["output"]
    ide.send(seq=8, type="request", command="disconnect", arguments={})
    process.wait()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_the_test_explorers_pipe_reaches_it(make: Callable[..., Venv], kind: str, tmp_path_factory: object) -> None:
    """vscode-python's pytest plug-in opens $TEST_RUN_PIPE, a named pipe, and writes what it found."""
    venv = make("vscode")
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


def test_wayland_shows_the_one_socket_and_nothing_beside_it(make: Callable[..., Venv]) -> None:
    venv = make("wayland")
    runtime = venv.user.makedirs(venv.user.home / "runtime", 0o700)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(runtime / "wayland-7"))
    server.listen()
    venv.user.own_tree(runtime)
    venv.user.write(runtime / "bus", "")
    code = (
        "import os, socket; r = os.environ['XDG_RUNTIME_DIR']; print(os.listdir(r)); s = socket.socket(socket.AF_UNIX); "
        "s.connect(r + '/' + os.environ['WAYLAND_DISPLAY']); s.sendall(b'hi')"
    )
    env = {"XDG_RUNTIME_DIR": str(runtime), "WAYLAND_DISPLAY": "wayland-7"}
    done = venv.python(code, env=env).check()
    assert done.stdout == "['wayland-7']\n"
    server.settimeout(10)
    with server.accept()[0] as peer:
        assert peer.recv(10) == b"hi"
    server.close()
    venv.python("pass", env={"WAYLAND_DISPLAY": None, "XDG_RUNTIME_DIR": None}).check()


def test_gpu_adds_nothing_and_breaks_nothing_where_there_is_no_card(make: Callable[..., Venv]) -> None:
    venv = make("gpu")
    code = "import os; print(sorted(name for name in os.listdir('/dev') if name.startswith(('dri', 'nvidia', 'kfd'))))"
    there = sorted(name for name in os.listdir("/dev") if name.startswith(("dri", "nvidia", "kfd")))
    assert venv.python(code).check().stdout == f"{there}\n"


def test_a_preset_that_does_not_exist_changes_nothing(make: Callable[..., Venv]) -> None:
    venv = make("", wrap=False)
    before = sorted(os.listdir(venv.bin))
    done = venv.wrap("--preset", "vscod").check(125)
    assert "no preset 'vscod'" in done.stderr
    assert "vscode" in done.stderr
    assert sorted(os.listdir(venv.bin)) == before


@pytest.fixture
def display(ordinary_user: User) -> Iterator[dict[str, str]]:
    """A virtual X server that wants a cookie; its variables."""
    need("Xvfb", "xauth", "xwd", modules=("tkinter",))
    cookie = ordinary_user.home / "cookie-of-this-login"
    name = f":{90 + os.getpid() % 900}"
    run_as(ordinary_user, ["xauth", "-f", cookie, "add", name, ".", os.urandom(16).hex()])
    server = subprocess.Popen(
        ["Xvfb", name, "-screen", "0", "200x150x24", "-auth", cookie, "-nolisten", "tcp"], stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        if Path(f"/tmp/.X11-unix/X{name[1:]}").exists():
            break
        time.sleep(0.1)
    yield {"DISPLAY": name, "XAUTHORITY": str(cookie)}
    server.terminate()
    server.wait()


WINDOW = """
import sys, tkinter
root = tkinter.Tk()
root.overrideredirect(True)
root.geometry("120x90+10+20")
root.configure(bg="#1e90ff")
root.update()
root.after(3000, root.destroy)
print("shown", flush=True)
root.mainloop()
"""


def test_a_tkinter_window_is_on_the_screen(make: Callable[..., Venv], display: dict[str, str]) -> None:
    venv = make("x11")
    denied = venv.python(WINDOW, env={**display, "XAUTHORITY": None}).stderr
    assert "couldn't connect" in denied
    process = venv.spawn("python", "-c", WINDOW, env=display)
    colours: set[bytes] = set()
    for _ in range(50):
        time.sleep(0.1)
        picture = run_screenshot(venv.user, display)
        colours = {pixel(picture, x, y) for x, y in ((15, 25), (125, 105))}
        if colours == {b"\x1e\x90\xff"}:
            break
    assert process.wait().check().stdout == "shown\n"
    assert colours == {b"\x1e\x90\xff"}
    assert pixel(picture, 5, 5) != b"\x1e\x90\xff"


def run_screenshot(user: User, display: dict[str, str]) -> bytes:
    """Return the screen as xwd(1) writes it."""
    identity = {"user": user.uid, "group": user.gid} if os.geteuid() != user.uid else {}
    command = ["xwd", "-root", "-silent"]
    return subprocess.run(command, env={**os.environ, **display}, stdout=subprocess.PIPE, check=True, **identity).stdout  # type: ignore[call-overload,no-any-return]


def pixel(picture: bytes, x: int, y: int) -> bytes:
    """Return red, green, blue of a pixel of a 24-bit ZPixmap: X11/XWDFile.h."""
    field = [int.from_bytes(picture[at : at + 4], "big") for at in range(0, 100, 4)]
    header, width, colours = field[0], field[12], field[19]
    at = header + 12 * colours + y * width + x * 4
    blue, green, red = picture[at : at + 3]
    return bytes((red, green, blue))
