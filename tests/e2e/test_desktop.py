"""``--preset desktop``: addresses are opened by a portal, faked on a bus of its own; nothing else of the bus is there."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import (
    BACKENDS,
    FEATURES,
    ROOT,
    Base,
    Result,
    Tool,
    User,
    Venv,
    make_project,
    spawn_as,
    system_python,
)
from tests.support.programs import need
from tests.support.users import new_user

pytestmark = pytest.mark.e2e

CLIENT = ROOT / "sandbox_venv" / "policy" / "xdg_open.py"
ANSWERS = Path(__file__).with_name("programs") / "portal.py"
ADDRESS = "https://example.org/a?b=c&d=%20#e"

CALLS = """
import os, runpy
dbus = runpy.run_path("/usr/bin/xdg-open")
bus = dbus["connect"](os.environ["DBUS_SESSION_BUS_ADDRESS"])
portal, text = dbus["PORTAL"], dbus["text"]
name, path, interface = portal
secret = ("org.example.Secret", "/", "org.example.Secret")
for number, (to, method, types, body) in enumerate([
    (portal, "OpenFile", "s", text("")),
    ((name, path, "org.freedesktop.portal.FileChooser"), "OpenFile", "s", text("")),
    ((name, path, "org.freedesktop.DBus.Properties"), "GetAll", "s", text(interface)),
    (secret, "Read", "", b""),
    (dbus["BUS"], "GetNameOwner", "s", text("org.example.Secret")),
    (dbus["BUS"], "StartServiceByName", "su", dbus["pad"](text("org.freedesktop.systemd1"), 4) + bytes(4)),
], 2):
    try:
        dbus["call"](bus, number, to, method, types, body)
        print(method, "answered")
    except OSError:
        print(method, "refused")
print("names", b"Secret" in dbus["call"](bus, 90, dbus["BUS"], "ListNames", "", b""))
"""


class Desktop:
    """A login's bus with a portal on it, and a venv that is wrapped with the preset."""

    def __init__(self, user: User, venv: Venv) -> None:
        self.venv = venv
        self.runtime = user.makedirs(user.home / "runtime", 0o700)
        self.bus = self.runtime / "bus"
        self.log = user.write(self.runtime / "log", "")
        for source in (CLIENT, ANSWERS):
            user.write(user.home / "desktop" / source.name, source.read_bytes())
        words = ["dbus-daemon", "--session", "--nofork", "--nosyslog", f"--address=unix:path={self.bus}"]
        self.started = [spawn_as(user, words)]
        self.until(self.bus.exists)
        program, client = user.home / "desktop" / ANSWERS.name, user.home / "desktop" / CLIENT.name
        self.started.append(spawn_as(user, [system_python(), program, client, self.bus, self.log]))
        self.until(self.log.read_text)
        self.env = {"XDG_RUNTIME_DIR": str(self.runtime), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.bus},guid=0"}
        self.log.write_text("")

    def until(self, true: Callable[[], object]) -> None:
        """Wait for something to be so."""
        for _ in range(200):
            if true():
                return
            time.sleep(0.05)
        raise AssertionError([process.popen.poll() for process in self.started])

    def python(self, code: str, **given: str) -> Result:
        """Run code in the venv, in this login."""
        return self.venv.python(code, env={**self.env, "BROWSER": "firefox"}, given=given).check()

    def asked(self) -> list[dict[str, str]]:
        """Return what the portal was asked since the last time."""
        found = [json.loads(line) for line in self.log.read_text().splitlines()]
        os.truncate(self.log, 0)
        return found


@pytest.fixture(scope="module", params=BACKENDS)
def desktop(request: pytest.FixtureRequest, base: Base, tool: Tool) -> Iterator[Desktop]:
    """One login for each backend."""
    need("dbus-daemon", "xdg-dbus-proxy")
    user = new_user(base, "user")
    tool.require(user, *FEATURES[request.param])
    venv = make_project(tool, user, request.param)
    venv.wrap("--preset", "desktop").check()
    found = Desktop(user, venv)
    yield found
    for process in found.started:
        process.kill()
        process.wait()


def left_behind(venv: Venv) -> list[str]:
    """Return the proxies that run, and the directories of their sockets."""
    found = [str(path) for path in (venv.user.home / ".local/state/sandbox-venv").rglob("proxy-*")]
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"/usr/bin/xdg-dbus-proxy\0") and os.fsencode(venv.user.home) in words:
            found.append(words.decode())
    return found


def test_xdg_open_and_webbrowser_reach_the_portal_and_nothing_else_does(desktop: Desktop) -> None:
    code = f"import subprocess as s, webbrowser; print(s.run(['xdg-open', {ADDRESS!r}]).returncode); "
    done = desktop.python(code + "print(webbrowser.open('mailto:a@example.org'))")
    assert (done.stdout, done.stderr) == ("0\nTrue\n", "")
    proxy = {"method": "org.freedesktop.portal.OpenURI.OpenURI", "program": "/usr/bin/xdg-dbus-proxy"}
    assert desktop.asked() == [{**proxy, "address": ADDRESS}, {**proxy, "address": "mailto:a@example.org"}]
    lines = desktop.python(CALLS).stdout.splitlines()
    assert [line.split()[1:] for line in lines] == [["refused"]] * 6 + [["False"]]
    assert desktop.asked() == []
    code = f"import os; print(os.path.exists({str(desktop.runtime)!r}), sorted(os.listdir('/run/sandbox-venv')))"
    assert desktop.python(code).stdout == "False ['bus', 'xdg-open']\n"
    code = "[print(open(name).readline().strip()) for name in ('/.flatpak-info', '/usr/bin/x-www-browser')]"
    assert desktop.python(code).stdout.startswith("[Application]\n#!/")
    assert left_behind(desktop.venv) == []


def test_a_file_is_not_opened_outside(desktop: Desktop) -> None:
    words = [str(desktop.venv.project / "a.txt"), "file:///etc/passwd", "a.txt", "-h", ""]
    done = desktop.python(f"import subprocess as s; print([s.run(['xdg-open', w]).returncode for w in {words!r}])")
    assert done.stdout == "[4, 4, 4, 1, 4]\n"
    assert done.stderr.count("only addresses") == 4
    assert desktop.asked() == []


def test_without_a_session_bus_nothing_is_there_and_nothing_is_said(desktop: Desktop) -> None:
    code = "import os, shutil; e = os.environ; print(shutil.which('xdg-open'), e.get('BROWSER'), "
    code += "e.get('DBUS_SESSION_BUS_ADDRESS'), os.path.exists('/.flatpak-info'), os.path.exists('/run/sandbox-venv'))"
    for env in (
        {"XDG_RUNTIME_DIR": None, "DBUS_SESSION_BUS_ADDRESS": None},
        {"XDG_RUNTIME_DIR": "/nosuch"},
        {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={desktop.venv.user.home}/bus"},
        {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={desktop.log}"},
        {"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/tmp/dbus-nosuch"},
    ):
        done = desktop.venv.python(code, env={"BROWSER": "firefox", **env}).check()
        assert (done.stdout, done.stderr) == ("None None None False False\n", ""), env
    assert left_behind(desktop.venv) == []


def test_a_killed_launcher_takes_its_proxy_along(desktop: Desktop) -> None:
    code = "import time\nfor _ in range(600): time.sleep(0.1)"
    process = desktop.venv.spawn("python", "-c", code, env=desktop.env)
    desktop.until(lambda: any("xdg-dbus-proxy" in item for item in left_behind(desktop.venv)))
    process.signal(signal.SIGKILL)
    process.wait()
    desktop.until(lambda: not any("xdg-dbus-proxy" in item for item in left_behind(desktop.venv)))
    desktop.python("pass")
    assert left_behind(desktop.venv) == []  # its socket's directory included


def test_an_address_is_opened_where_the_whole_of_usr_is_shown(desktop: Desktop) -> None:
    """The host's xdg-open is not covered there; the variable BROWSER leads to ours."""
    code = "import os, subprocess as s; print(s.run([os.environ['BROWSER'], 'https://example.org']).returncode)"
    assert desktop.python(code, BWRAP_ARGS="--ro-bind /usr /usr").stdout == "0\n"
    assert len(desktop.asked()) == 1
