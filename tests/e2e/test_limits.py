"""``--rlimit``: a fork bomb, a memory hog and a disk filler are held, at wrap time and for one call."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import BACKENDS, FEATURES, Base, Tool, Venv, make_project, run_as, spawn_as
from tests.support.process import Argument
from tests.support.programs import lack
from tests.support.users import new_user

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


@pytest.fixture(scope="module", params=BACKENDS)
def limited(request: pytest.FixtureRequest, base: Base, tool: Tool) -> Venv:
    """An ordinary user's venv, wrapped with limits; one for each backend."""
    user = new_user(base, "user")
    tool.require(user, *FEATURES[request.param])
    venv = make_project(tool, user, request.param)
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


HOG = "x = bytearray(b'x') * (400 << 20)"
FILLER = "f = open('/tmp/big', 'wb')\nwhile True: f.write(bytes(1 << 20))"
LIMITS = {
    "memory.limit_in_bytes": "300M", "memory.memsw.limit_in_bytes": "300M",  # version 1
    "memory.max": "300M", "memory.swap.max": "0", "pids.max": "60",
}  # fmt: skip


class Group:
    """A cgroup of 300 MiB and 60 processes, below this process's own (version 1) or the top one."""

    def __init__(self, places: list[Path]) -> None:
        self.places = places
        self.name = places[0].name

    def __enter__(self) -> None:
        for place in self.places:
            (place / "cgroup.procs").write_text("0")

    def __exit__(self, *_: object) -> None:
        for place in self.places:
            (place.parent / "cgroup.procs").write_text("0")

    def remove(self) -> None:
        for place in self.places:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    place.rmdir()
                    break
                time.sleep(0.05)


@pytest.fixture
def group() -> Iterator[Group]:
    """A small cgroup, which only root can make without a service manager."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().split()]
    own = {name: path for _, names, path in lines for name in names.split(",")}
    name = f"sandbox-venv-test-{os.getpid()}"
    top = Path("/sys/fs/cgroup")
    tops = [top / kind / own[kind].lstrip("/") for kind in ("memory", "pids") if kind in own] or [top]
    places = [place / name for place in tops]
    try:
        for place in places:
            place.mkdir()
            for file, value in LIMITS.items():
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    (place / file).write_text(value)
        assert (places[0] / "memory.oom_control").exists() or (places[0] / "memory.max").exists()
    except (OSError, AssertionError) as error:
        lack(f"no cgroup can be made here: {error}")
    found = Group(places)
    yield found
    found.remove()


@pytest.mark.full
def test_an_out_of_memory_kill_is_explained_in_one_line(shared_venv: Venv, group: Group) -> None:
    venv = shared_venv
    line = r"sandbox-venv: the program was killed, it seems for want of memory: (\d) such kill\(s\) in cgroup "
    line += rf"\S*{group.name}, which may use 300 MiB\n"
    command: list[Argument] = [venv.tool.command, "run", "--venv", venv.path, "--", "python", "-c", HOG]
    starts = [venv.argv("python", "-c", HOG), command]
    for number, argv in enumerate(starts, 1):
        with group:
            process = spawn_as(venv.user, argv, cwd=venv.project)
        done = process.wait()
        assert done.status in (-signal.SIGKILL, 137), done
        told = re.fullmatch(line, done.stderr)
        assert told, done
        assert int(told[1]) == number
    with group:
        process = spawn_as(
            venv.user, venv.argv("python", "-c", "x = b'x' * (100 << 20); print(len(x))"), cwd=venv.project
        )
    assert process.wait().check().stderr == ""
    done = venv.python("import os; os.kill(os.getpid(), 9)")
    assert (done.status, done.stderr) == (-signal.SIGKILL, "")


@pytest.mark.full
def test_a_fork_bomb_and_a_filler_of_tmp_are_held_by_a_cgroup(shared_venv: Venv, group: Group) -> None:
    """What fills a tmpfs isn't freed by killing the program, so init or the launcher may be killed, too."""
    with group:
        process = spawn_as(shared_venv.user, shared_venv.argv("python", "-c", FILLER), cwd=shared_venv.project)
    assert process.wait().status in (-signal.SIGKILL, 137, 125)
    with group:
        process = spawn_as(shared_venv.user, shared_venv.argv("python", "-c", BOMB), cwd=shared_venv.project)
    done = process.wait().check()
    assert 20 < int(done.stdout.removeprefix("refused after ")) < 60, done
