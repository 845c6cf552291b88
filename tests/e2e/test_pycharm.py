"""``--preset pycharm``: its packages window and its debugger."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from tests.harness import Venv
from tests.support.tool import install_into

pytestmark = pytest.mark.e2e

HELPERS = ".local/share/JetBrains/Toolbox/apps/pycharm/plugins/python-ce/helpers"
PACKAGING = "import runpy, sys; runpy.run_module('pip', run_name='__main__', alter_sys=True)\n"


@pytest.mark.slow
def test_pycharms_packages_window_installs(preset_venv: Callable[..., Venv]) -> None:
    """It starts packaging_tool.py of the helpers, which runs pip as a module in the same process."""
    venv = preset_venv("pycharm", wrap=False, pip=True)
    user, helpers = venv.user, venv.user.home / HELPERS
    for name in ("packaging_tool.py", "syspath.py"):
        user.write(helpers / name, PACKAGING)
    package = user.write(venv.project / "package" / "setup.py", "").parent
    (site,) = venv.path.glob("lib/python3*/site-packages")
    user.write(package / "pyproject.toml", PROJECT)
    user.write(package / "backend.py", BACKEND)
    venv.wrap("--preset", "pycharm").check()
    words = ["install", "--no-index", str(package)]
    done = venv.run("python", helpers / "syspath.py", *words)  # any other of its scripts: a run session
    assert done.status, done
    assert not list(site.glob("brought*"))
    done = venv.run("python", helpers / "packaging_tool.py", *words).check()
    assert "Successfully installed brought-1" in done.stdout
    assert venv.python("import brought; print(brought.VALUE)").check().stdout == "7\n"
    venv.run("python", helpers / "packaging_tool.py", "uninstall", "-y", "brought").check()
    assert not list(site.glob("brought*"))


PROJECT = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
BACKEND = """
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    name = "brought-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as file:
        file.writestr("brought.py", "VALUE = 7\\n")
        file.writestr("brought-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: brought\\nVersion: 1\\n")
        file.writestr("brought-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr("brought-1.dist-info/RECORD", "brought.py,,\\nbrought-1.dist-info/RECORD,,\\n")
    return name
"""


@pytest.mark.full
@pytest.mark.registry
def test_pycharms_debugger_stops_at_a_breakpoint(preset_venv: Callable[..., Venv]) -> None:
    """The real pydevd of PyCharm's helpers; the IDE's end speaks its line protocol: pydevd_comm.py."""
    venv = preset_venv("pycharm", wrap=False)
    pydev = venv.user.makedirs(venv.user.home / HELPERS / "pydev")
    install_into(pydev, "pydevd-pycharm")
    venv.user.own_tree(pydev)
    app = venv.user.write(venv.project / "app.py", "value = 41\nvalue += 1\nprint('value is', value)\n")
    venv.wrap("--preset", "pycharm").check()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        words = ["--multiprocess", "--client", "127.0.0.1", "--port", str(server.getsockname()[1]), "--file", str(app)]
        process = venv.spawn("python", pydev / "pydevd.py", *words, given={"PYCHARM_HOSTED": "1"})
        with server.accept()[0] as peer, peer.makefile("rw", newline="\n") as file:
            peer.settimeout(60)

            def send(command: int, number: int, text: str = "") -> None:
                file.write(f"{command}\t{number}\t{text}\n")
                file.flush()

            def until(command: int) -> str:
                for line in file:
                    kind, _, rest = line.partition("\t")
                    if kind == str(command):
                        return unquote(rest)
                raise AssertionError(process.wait())

            send(501, 1, "2026.1\tUNIX\tLINE")
            send(111, 3, f"python-line\t{app}\t3\tNone\tALL\tNone\tNone")
            send(101, 5)
            found = re.search(r'<thread id="([^"]+)".*?<frame id="([^"]+)".*?line="(\d+)"', until(105))
            assert found
            assert found[3] == "3"
            code = "str(value) + str(__import__('os').path.exists('/etc/shadow'))"
            send(113, 7, f"{found[1]}\t{found[2]}\tFRAME\t{code}\t0")
            assert "42False" in until(113)
            send(106, 9, found[1])
            for _ in file:  # what it says until it ends
                pass
    assert process.wait().check().stdout == "value is 42\n"


def test_a_packaging_tool_in_the_project_starts_no_install_session(preset_venv: Callable[..., Venv]) -> None:
    """A session may have written it, where the project is named like a directory that the preset looks for."""
    venv = preset_venv("pycharm", wrap=False, name="pycharm-tools")
    script = venv.project / "plugins/python-ce/helpers/packaging_tool.py"
    venv.user.write(script, "import os, sys; print(os.access(sys.prefix + '/lib', os.W_OK))\n")
    venv.wrap("--preset", "pycharm").check()
    assert venv.run("python", script).check().stdout == "False\n"
