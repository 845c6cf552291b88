"""Sound by a private PulseAudio that loads no modules: the recipe in docs/recipes.md."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import FEATURES, Tool, User, Venv, make_project, run_as, spawn_as
from tests.support.programs import need

pytestmark = [pytest.mark.e2e, pytest.mark.full]

LIBRARY = "__attribute__((constructor)) static void f(void) { __builtin_trap(); }"


@pytest.fixture
def socket(ordinary_user: User) -> Iterator[Path]:
    """The socket of a sound server without a card."""
    need("pulseaudio", "pactl", "gcc")
    runtime = ordinary_user.makedirs(ordinary_user.home / "runtime", 0o700)
    words = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    modules = [f"module-native-protocol-unix socket={runtime}/native", "module-null-sink"]
    loads = [word for module in modules for word in ("-L", module)]
    server = spawn_as(
        ordinary_user, [*words, "--disallow-module-loading=yes", *loads], env={"XDG_RUNTIME_DIR": runtime}
    )
    for _ in range(200):
        if (runtime / "native").exists():
            break
        time.sleep(0.05)
    yield runtime / "native"
    server.signal(signal.SIGTERM)
    server.wait()


def test_a_program_is_heard_and_loads_nothing_into_the_server(
    tool: Tool, ordinary_user: User, backend: str, socket: Path
) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend)
    venv.wrap("--ro-bind", socket, "/tmp/pulse", "--setenv", "PULSE_SERVER", "unix:/tmp/pulse").check()
    inside: list[str | Path] = [tool.command, "run", "--venv", venv.path, "--tool", "/usr/bin/pacat"]
    player = spawn_as(ordinary_user, [*inside, "--", "pacat", "--raw", "/dev/zero"], cwd=venv.project)
    assert heard(venv, socket).count("protocol-native.c") == 1
    player.signal(signal.SIGTERM)
    player.wait()
    library = venv.project / "plugin.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=LIBRARY, text=True, check=True)
    words = ["load-module", "module-ladspa-sink", f"plugin={library.with_suffix('')}", "label=x"]
    inside[-1] = "/usr/bin/pactl"
    done = run_as(ordinary_user, [*inside, "--", "pactl", *words], cwd=venv.project).check(1)
    assert "Failure" in done.stderr
    assert heard(venv, socket, wanted=False) == ""  # the server is still there


def heard(venv: Venv, socket: Path, *, wanted: bool = True) -> str:
    """Return the streams that the server plays; where one is wanted, once there is one."""
    for _ in range(100):
        words = ["pactl", "list", "short", "sink-inputs"]
        told = run_as(venv.user, words, env={"PULSE_SERVER": f"unix:{socket}"}).check().stdout
        if bool(told) == wanted:
            break
        time.sleep(0.1)
    return told
