"""``--preset``: windows and graphics cards; what IDEs do is in test_ides.py, the portal in test_desktop.py."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import User, Venv, run_as, spawn_as
from tests.support.programs import need

pytestmark = pytest.mark.e2e


def test_wayland_shows_the_one_socket_and_nothing_beside_it(preset_venv: Callable[..., Venv]) -> None:
    venv = preset_venv("wayland")
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


@pytest.fixture
def compositor(ordinary_user: User) -> Iterator[dict[str, str]]:
    """Weston without a screen, which lets its pictures be taken; its variables."""
    need("weston")
    runtime = ordinary_user.makedirs(ordinary_user.home / "runtime", 0o700)
    env = {"XDG_RUNTIME_DIR": str(runtime), "WAYLAND_DISPLAY": "wayland-3"}
    words = ["weston", "--debug", "--backend=headless-backend.so", "--use-pixman", "--width=240", "--height=180"]
    server = spawn_as(ordinary_user, [*words, "--socket=wayland-3", "--no-config", "--idle-time=0"], env=env)
    for _ in range(200):
        if (runtime / "wayland-3").exists():
            break
        time.sleep(0.05)
    yield env
    server.signal(signal.SIGTERM)  # it ends its shell, which is in a session of its own
    server.wait()


@pytest.mark.full
def test_a_window_is_on_a_wayland_compositors_screen(
    preset_venv: Callable[..., Venv], compositor: dict[str, str]
) -> None:
    """By wl_shm: the window's memory is the sandbox's, and the compositor is given its descriptor."""
    venv = preset_venv("wayland")
    program = Path(__file__).with_name("programs") / "wayland_window.py"
    script = venv.user.write(venv.project / program.name, program.read_bytes())
    process = venv.spawn("python", script, "6", env=compositor)
    blue = bytes((0x1E, 0x90, 0xFF))
    counted = 0
    for _ in range(20):
        time.sleep(0.2)
        run_as(venv.user, ["weston-screenshooter"], cwd=venv.project, env=compositor).check()
        (picture,) = venv.project.glob("*.png")
        counted = count_pixels(picture.read_bytes(), blue)
        picture.unlink()
        if counted:
            break
    assert process.wait().check().stdout == "shown ['wayland-3']\n"
    assert counted == 120 * 90
    venv.python("import ctypes; ctypes.CDLL('libwayland-client.so.0')").check()  # toolkits open it by name


def count_pixels(picture: bytes, colour: bytes) -> int:
    """Return how many pixels of an 8-bit PNG without interlacing have a colour: RFC 2083, chapter 6."""
    at, data, width, size = 8, b"", 0, 3
    while at < len(picture):
        length, kind = int.from_bytes(picture[at : at + 4], "big"), picture[at + 4 : at + 8]
        body = picture[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, size = int.from_bytes(body[:4], "big"), {2: 3, 6: 4}[body[9]]
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride = zlib.decompress(data), width * size
    above, found = bytes(stride), 0
    for start in range(0, len(raw), stride + 1):
        row = bytearray(raw[start + 1 : start + 1 + stride])
        for place in range(stride) if raw[start] else ():
            left, corner = (row[place - size], above[place - size]) if place >= size else (0, 0)
            near = min((left, above[place], corner), key=lambda value: abs(left + above[place] - corner - value))
            row[place] = (row[place] + (0, left, above[place], (left + above[place]) // 2, near)[raw[start]]) & 255
        found += sum(row[place : place + 3] == colour for place in range(0, stride, size))
        above = bytes(row)
    return found


def test_gpu_adds_nothing_and_breaks_nothing_where_there_is_no_card(preset_venv: Callable[..., Venv]) -> None:
    venv = preset_venv("gpu")
    code = "import os; print(sorted(name for name in os.listdir('/dev') if name.startswith(('dri', 'nvidia', 'kfd'))))"
    there = sorted(name for name in os.listdir("/dev") if name.startswith(("dri", "nvidia", "kfd")))
    assert venv.python(code).check().stdout == f"{there}\n"


def test_a_preset_that_does_not_exist_changes_nothing(preset_venv: Callable[..., Venv]) -> None:
    venv = preset_venv("", wrap=False)
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


def test_a_tkinter_window_is_on_the_screen(preset_venv: Callable[..., Venv], display: dict[str, str]) -> None:
    venv = preset_venv("x11")
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
