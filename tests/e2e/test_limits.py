"""``--rlimit``: a fork bomb, a memory hog and a disk filler are held, at wrap time and for one call."""

from __future__ import annotations

import pytest

from tests.harness import Tool, User, Venv, make_project, run_as
from tests.support.process import Argument
from tests.support.tool import FEATURES

pytestmark = pytest.mark.e2e

SHOW = (
    "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_NPROC), r.getrlimit(r.RLIMIT_CPU))"
)

BOMB = """
import os, signal, time
children = []
try:
    for _ in range(300):
        pid = os.fork()
        if not pid:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
except BlockingIOError:
    print("refused after", len(children))
for pid in children:
    os.kill(pid, signal.SIGKILL)
"""


@pytest.fixture
def limited(tool: Tool, ordinary_user: User, backend: str) -> Venv:
    """An ordinary user's venv, wrapped with limits."""
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend)
    venv.wrap(
        "--rlimit", "nproc=40", "--rlimit", "as=600M", "--rlimit", "fsize=1M", "--rlimit", "nofile=64:128"
    ).check()
    return venv


def test_a_fork_bomb_a_memory_hog_and_a_disk_filler_are_held(limited: Venv) -> None:
    done = limited.python(BOMB).check()
    assert done.stdout.startswith("refused after ")
    assert int(done.stdout.split()[-1]) < 40
    assert "MemoryError" in limited.python("x = bytearray(900 << 20)").check(1).stderr
    limited.python("print(len(bytearray(100 << 20)))").check()
    filler = "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 16)); f.flush()"
    assert "File too large" in limited.python(filler).check(1).stderr
    assert (limited.project / "big").stat().st_size == 1 << 20


def test_limits_of_one_call_come_after_those_kept_and_only_lower_the_hard_ones(limited: Venv) -> None:
    assert limited.python(SHOW).check().stdout.startswith("(64, 128) (40, 40) ")
    args = "--rlimit nofile=32 --rlimit cpu=7 --rlimit nproc=unlimited"
    done = limited.python(SHOW, env={"BWRAP_ARGS": args}).check()
    assert done.stdout.startswith("(32, 32) ")
    assert done.stdout.endswith(" (7, 7)\n")
    done = limited.sandbox("run", "--rlimit", "cpu=9", "--", "python", "-c", SHOW).check()
    assert done.stdout.endswith(" (9, 9)\n")


def test_cpu_time_ends_a_program_by_the_signal(limited: Venv) -> None:
    done = limited.python("while True: pass", env={"BWRAP_ARGS": "--rlimit cpu=1:2"})
    assert done.status in (-24, 152), done  # SIGXCPU


def test_few_open_files_are_enough_and_too_few_are_said(shared_venv: Venv) -> None:
    """The set-up takes what it needs below the hard limit; the program has the caller's limits."""
    venv = shared_venv
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    entry: list[Argument] = [venv.bin / "python", "-c", code]
    run: list[Argument] = [venv.tool.command, "run", "--backend", venv.backend, "--", "python", "-c", code]
    for argv in (entry, run):
        run_as(venv.user, argv, cwd=venv.project).check()  # compiles, which takes more
        few: list[Argument] = ["sh", "-c", 'ulimit -S -n 40; exec "$@"', "sh", *argv]
        assert run_as(venv.user, few, cwd=venv.project).check().stdout == "40\n"
        done = run_as(venv.user, ["sh", "-c", 'ulimit -n 9; exec "$@"', "sh", *argv], cwd=venv.project).check(125)
        line, hint = done.stderr.splitlines()
        assert done.stdout == ""
        assert line.startswith("sandbox-venv: "), done
        assert "Too many open files" in line, done
        assert hint.startswith("hint: allow more open files: ulimit -n 1024"), done


def test_a_limit_that_does_not_exist_is_refused(limited: Venv) -> None:
    assert "no limit 'memory'" in limited.wrap("--rlimit", "memory=1").check(125).stderr
    assert "'lots' is no limit" in limited.wrap("--rlimit", "as=lots").check(125).stderr
    assert "above the hard one" in limited.wrap("--rlimit", "as=2G:1G").check(125).stderr
