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

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")

STEPS = (
    ("unshare", (1,)),
    ("mount", (1, 2, 3)),
    ("mount_setattr", (1, 2)),
    ("open_tree", (1, 4)),
    ("move_mount", (1, 3, 9)),
    ("pivot_root", (1,)),
    ("umount2", (1,)),
    ("chdir,fchdir", (1,)),
    ("prctl", (1, 2, 3)),
    ("capset", (1,)),
    ("seccomp", (1, 2)),
    ("landlock_create_ruleset,landlock_restrict_self", (2, 3)),
    ("landlock_add_rule", (1,)),
    ("memfd_create", (1, 2)),
    ("clone,clone3,fork", (1, 2)),
    ("pipe2", (1,)),
    ("setresuid,setresgid,setgroups", (1,)),
    ("execve", (2, 3)),
)
ERRORS = ("EPERM", "ENOMEM")


@needs_strace
@pytest.mark.parametrize(("calls", "numbers"), STEPS, ids=[calls.partition(",")[0] for calls, _ in STEPS])
def test_a_fault_at_a_step_starts_no_unsandboxed_program(
    shared_venv: Venv, calls: str, numbers: tuple[int, ...]
) -> None:
    """What was not hit goes on as if nothing was; what was hit either fails closed or is all in force."""
    code = (
        "import os; s = open('/proc/self/status').read(); "
        "print('ran', os.path.exists('/root/.bashrc') or os.path.exists('/etc/shadow'), 'Seccomp_filters:\\t2' in s, "
        "'CapBnd:\\t0000000000000000' in s, 'NoNewPrivs:\\t1' in s)"
    )
    shared_venv.python("pass").check()  # the plan is there: faults hit the start alone
    argv = shared_venv.argv("python", "-c", code)
    for number in numbers:
        inject = f"inject={','.join('?' + name for name in calls.split(','))}:error={ERRORS[number % 2]}:when={number}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, *argv]
        done = run_as(shared_venv.user, command, cwd=shared_venv.project, timeout=60)
        sandboxed = "ran False True True True\n"
        assert done.stdout in ("", sandboxed), (calls, number, done)
        if not done.stdout:
            assert done.status in (125, 126, 127, 1), (calls, number, done)


@needs_strace
def test_the_launcher_starts_nothing_but_bwrap_and_init(shared_venv: Venv) -> None:
    shared_venv.python("pass").check()  # compiles; that probes bwrap with /bin/true
    log = shared_venv.user.home / "execve.log"
    path = f"{shared_venv.bin}:{shared_venv.project}:/usr/bin:/bin"
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", log, *shared_venv.argv("python", "-c", "pass")]
    run_as(shared_venv.user, command, cwd=shared_venv.project, env={"PATH": path}).check()
    started = re.findall(r'execve\("([^"]*)".*= 0$', log.read_text(), re.MULTILINE)
    program = f"{shared_venv.bin}/python"
    extra = [name for name in started if name != program and not name.endswith(("/bwrap", "/bin/env"))]
    extra = [name for name in extra if not re.fullmatch(r".*/python3?[0-9.]*", name)]
    assert extra == [], started
    assert len(started) <= 5, started


def processes(user_id: int, needle: bytes) -> list[int]:
    """Return pids of processes whose command line or working directory speaks of ``needle``."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if needle in file.read() and os.stat(f"/proc/{name}").st_uid == user_id:
                    found.append(int(name))
        except OSError:
            continue
    return found


def test_starts_killed_at_random_times_leave_nothing(shared_venv: Venv) -> None:
    before = {path: sorted(os.listdir(path)) for path in (Path("/tmp"), Path("/dev/shm"), shared_venv.path)}
    random.seed(5)
    for _ in range(25):
        process = spawn_as(
            shared_venv.user,
            shared_venv.argv("python", "-c", "import time; time.sleep(60) # killed-at-random"),
            cwd=shared_venv.project,
        )
        time.sleep(random.uniform(0.0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
    end = time.monotonic() + 10
    while (left := processes(shared_venv.user.uid, b"killed-at-random")) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []
    after = {path: sorted(os.listdir(path)) for path in before}
    new = {name for name in after[Path("/dev/shm")] if name not in before[Path("/dev/shm")]}
    assert not [name for name in new if "sandbox" in name]
    assert after[shared_venv.path] == before[shared_venv.path]
    assert shared_venv.python("print(1)").check().stdout == "1\n"


def test_starts_while_two_installs_run(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(pip=True)
    code = "import os, time; d = os.environ['VIRTUAL_ENV'] + '/bin/'\nfor n in range(20):\n"
    code += " open(d + f't{n}', 'w').write('#!/bin/sh\\necho t\\n'); os.chmod(d + f't{n}', 0o755); time.sleep(.1)\n"
    words: list[Argument] = [
        venv.tool.command,
        "run",
        "--venv",
        venv.path,
        "--session",
        "install",
        "--",
        "python",
        "-c",
        code,
    ]
    install = spawn_as(venv.user, words, cwd=venv.project)
    second = spawn_as(venv.user, words, cwd=venv.project)
    look = "import os; print('in', os.path.exists('/etc/shadow'))"
    for _ in range(4):
        started = [spawn_as(venv.user, venv.argv("python", "-c", look), cwd=venv.project) for _ in range(5)]
        for process in started:
            done = process.wait(90)
            assert done.stdout == "in False\n", done
    install.wait(90).check()
    second.wait(90).check()
    assert venv.run("t19").check().stdout == "t\n"
