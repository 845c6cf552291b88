"""A fault at any step of a start ends in 125 and no program; a kill leaves nothing; no other program is started."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Venv, run_as, spawn_as
from tests.support.process import Argument
from tests.support.programs import need

KILLS = int(os.environ.get("SANDBOX_VENV_KILLS", "12"))
"""So many starts are killed at random times, for each way to start."""

HOW: dict[str, dict[str, str]] = {"bwrap": {"VERBOSE": ""}, "bwrap by C": {}, "python": {"VERBOSE": ""}, "launcher": {}}
"""What is started, with what has Python start a sandbox in the C launcher's place."""


ALLOWED = re.compile(r"(/usr)?(/local)?/bin/(bwrap|env|true|python3?[0-9.]*)")
"""bwrap and its probe, init's and the tool's own interpreter."""

PLANTED = "sh id git grep ldd ldconfig gcc uname python3 bwrap env sandbox-venv".split()


def programs_started(venv: Venv, argv: list[Argument], how: str, log: Path) -> list[str]:
    """Return what is executed outside a sandbox, as strace(1) sees it; names that a session could plant lie first on PATH."""
    for name in PLANTED:
        venv.user.write(venv.project / "planted" / name, "#!/bin/sh\ntouch $(dirname $0)/RAN\n", 0o755)
    path = f"{venv.project}/planted:{venv.bin}:{venv.project}:/usr/bin:/bin"
    command = ["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", log, *argv]
    run_as(venv.user, command, cwd=venv.project, env={"PATH": path}, given=HOW[how], timeout=120).check()
    assert not (venv.project / "planted" / "RAN").exists()
    shutil.rmtree(venv.project / "planted")
    return re.findall(r'exec\w+\((?:\d+, )?"([^"]*)".*= 0$', log.read_text(), re.MULTILINE)


def install(venv: Venv, code: str, *words: Argument) -> list[Argument]:
    """Return what runs code in an install session."""
    start: list[Argument] = [venv.tool.command, "run", "--venv", venv.path, "--session", "install", "--"]
    return [*start, "python", "-c", code, *words]


@pytest.mark.parametrize("how", HOW)
def test_the_launcher_starts_nothing_but_bwrap_and_init(shared_venvs: Callable[[str, str], Venv], how: str) -> None:
    """A warm start, a stale one, which compiles, and an install session with what follows it."""
    need("strace")
    venv = shared_venvs("user", "bwrap" if how.startswith("bwrap") else "native")
    log = venv.user.home / "execve.log"
    code = (
        "import os; p = os.environ['VIRTUAL_ENV'] + '/bin/new'; open(p, 'w').write('#!/bin/sh\\n'); os.chmod(p, 0o755)"
    )
    starts: dict[str, list[Argument]] = {
        "stale": venv.argv("python", "-c", "pass"),
        "warm": venv.argv("python", "-c", "pass"),
        "install": install(venv, code),
    }
    venv.python("pass").check()
    (venv.project / ".env").write_text("A=1\n")
    for kind, argv in starts.items():
        started = programs_started(venv, argv, how, log)
        inside = {f"{venv.bin}/python", "python", str(venv.tool.command), str(venv.tool.python)}
        if how == "bwrap by C":  # init: bwrap executes what the launcher opened for it
            started = [name for name in started if not re.fullmatch(r"/proc/self/fd/\d+", name)]
        extra = [name for name in started if name not in inside and not ALLOWED.fullmatch(os.path.realpath(name))]
        assert extra == [], (kind, started)
        assert kind != "warm" or len(started) <= 5, started


@pytest.mark.parametrize("how", HOW)
def test_starts_killed_at_random_times_leave_nothing(shared_venvs: Callable[[str, str], Venv], how: str) -> None:
    """Whatever lives on holds its output open, so that waiting for its end fails."""
    venv = shared_venvs("user", "bwrap" if how.startswith("bwrap") else "native")
    venv.run("python", "-c", "pass", given=HOW[how]).check()
    (folder,) = (venv.user.home / ".local/state/sandbox-venv/venvs").iterdir()
    places = (Path("/dev/shm"), venv.path, venv.project, venv.home, folder, folder.parents[1])
    before = [sorted(os.listdir(path)) for path in places]
    chance = random.Random(5)
    ran = 0
    for _ in range(KILLS):
        argv = venv.argv("python", "-c", "import time; print('ran', flush=True); time.sleep(60)")
        process = spawn_as(venv.user, argv, cwd=venv.project, given=HOW[how])
        time.sleep(chance.uniform(0.0, 0.5 if how.startswith("bwrap") else 0.3 if how == "python" else 0.15))
        os.kill(process.pid, signal.SIGKILL)
        ran += "ran" in process.wait(20).stdout
    print(f"{how}: {KILLS} killed, {ran} of them after the program's start")
    after = [sorted(os.listdir(path)) for path in places]
    assert [name for name in after[0] if name not in before[0] and "sandbox" in name] == []
    assert after[1:] == before[1:]
    assert str(venv.project) not in Path("/proc/self/mountinfo").read_text()
    assert venv.python("print(1)").check().stdout == "1\n"


WRITES_SCRIPTS = r"""
import itertools, os, sys, time
for n in itertools.count():
    path = f"{os.environ['VIRTUAL_ENV']}/bin/t{n % 20}"
    with open(path, "w") as file:
        file.write("#!/bin/sh\necho t\n")
    os.chmod(path, 0o755)
    if n == 0:
        print("at work", flush=True)
    if n % 20 == 19 and os.path.exists(sys.argv[1]):
        break
    time.sleep(0.02)
"""


def test_starts_while_two_installs_run(venv: Venv) -> None:
    """Starts while both write, and while the host's part of the first goes on; the second outlives them all."""
    argvs = [install(venv, WRITES_SCRIPTS, name) for name in ("enough-1", "enough-2")]
    installs = [spawn_as(venv.user, argv, cwd=venv.project) for argv in argvs]
    for process in installs:
        assert process.popen.stdout is not None
        assert process.popen.stdout.readline() == b"at work\n"
    look = "import os; print('in', os.path.exists('/etc/shadow'))"
    for turn in range(3):
        started = [spawn_as(venv.user, venv.argv("python", "-c", look), cwd=venv.project) for _ in range(4)]
        if turn == 1:
            (venv.project / "enough-1").touch()
        for process in started:
            done = process.wait(90)
            assert done.stdout == "in False\n", done
    assert installs[1].popen.poll() is None
    (venv.project / "enough-2").touch()
    for process in installs:
        process.wait(90).check()
    assert venv.run("t19").check().stdout == "t\n"
