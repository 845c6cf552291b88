"""The C launcher against the Python one and bwrap: the same plan gives the same sandbox, whoever executes it."""

from __future__ import annotations

import ast
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox_venv.launch import planfile
from sandbox_venv.venv.executable import MAGIC
from tests.harness import ROOT, Venv, run_as
from tests.support.programs import lack, need

pytestmark = pytest.mark.kernel

PROBE = (Path(__file__).parent / "c_launcher_probe.py").read_text(encoding="utf-8")
PYTHON_INSTEAD = {"verbose": ""}
"""A variable that makes the C launcher execute the Python one, and changes nothing else."""


NATIVE = pytest.mark.parametrize("backend", ["native"])


@pytest.fixture(params=["native", "bwrap"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_compiled(venv: Venv) -> bool:
    return (venv.bin / "python").read_bytes().startswith(b"\x7fELF")


@pytest.fixture
def compiled(venv: Venv) -> Venv:
    """A wrapped venv whose launchers are the C launcher, with its plan compiled."""
    if not is_compiled(venv):
        lack("the wheel was built without a C compiler")
    return venv


def see(venv: Venv, **more: Any) -> dict[str, Any]:
    return dict(json.loads(venv.python(PROBE, "argument", **more).check().stdout))


def test_entry_points_with_settings_of_their_own_are_started_by_it(compiled: Venv) -> None:
    venv = compiled
    text = "[tool.sandbox-venv.entry]\npython3.hide = ['own']\npython.hide = ['.envrc']\n"
    venv.user.makedirs(venv.project / "own/x")
    venv.user.write(venv.project / "pyproject.toml", text)
    code = "import os; print(open('/proc/1/comm').read().strip(), *os.listdir('own'))"
    for entry, given in (("python", {}), ("python3", {}), ("python3", PYTHON_INSTEAD)):
        for _ in range(2):  # Python compiles
            done = venv.run(entry, "-c", code, given=given).check()
        name, *seen = done.stdout.split()
        assert (name == entry) == (not given)
        assert seen == ([] if entry == "python3" else ["x"])


NETWORK = """
import socket, sys
print(open("/proc/1/comm").read().strip(), [name for _, name in socket.if_nameindex()] == ["lo"])
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
    pass
with socket.socket() as there:
    print(there.connect_ex(("127.0.0.1", int(sys.argv[1]))))
"""


def test_a_sandbox_without_network_is_started_by_it(compiled: Venv) -> None:
    """It has a loopback interface of its own, which is up; what listens outside can't be reached from it."""
    venv = compiled
    venv.user.write(venv.project / "pyproject.toml", "[tool.sandbox-venv.entry.python3]\nnetwork = false\n")
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = str(outside.getsockname()[1])
        for entry, given in (("python", {}), ("python3", {}), ("python3", PYTHON_INSTEAD)):
            for _ in range(2):  # Python compiles
                done = venv.run(entry, "-c", NETWORK, port, given=given).check()
            name, alone, error = done.stdout.split()
            assert (name == entry) == (not given)
            assert (alone, int(error)) == (("True", errno.ECONNREFUSED) if entry == "python3" else ("False", 0))


def who_runs(venv: Venv, *words: str, **more: Any) -> str:
    """Return the name of PID 1 inside: the entry point's for C, the interpreter's for Python."""
    return venv.python("print(open('/proc/1/comm').read())", *words, **more).check().stdout.strip()


def normalised(mounts: list[Any]) -> list[Any]:
    """Return the mounts without what differs by design: the new root is a skeleton on disk."""
    return sorted(["/", "", *item[2:4], ""] if item[0] == "/" else item for item in mounts)


def test_the_same_view_as_from_python(compiled: Venv) -> None:
    ours, python = see(compiled), see(compiled, given=PYTHON_INSTEAD)
    assert (ours.pop("init"), python.pop("init")[:6]) == ("python", "python")
    assert normalised(ours.pop("mounts")) == normalised(python.pop("mounts"))
    assert python["environ"].pop("verbose") == ""
    python["environ"].pop("LC_CTYPE", None)  # PEP 538: the Python launcher's own interpreter may add it
    ours["environ"].pop("LC_CTYPE", None)
    assert ours == python


@NATIVE
def test_the_same_view_as_from_bwrap(compiled: Venv) -> None:
    compiled.tool.require(compiled.user, "bwrap")
    ours = see(compiled)
    compiled.sandbox("wrap", compiled.path, "--backend", "bwrap").check()
    try:
        theirs = see(compiled)
    finally:
        compiled.wrap().check()
        compiled.python("pass").check()
    for name in ("environ", "ids", "status", "limits", "descriptors", "cwd", "argv", "namespaces"):
        assert (name, ours[name]) == (name, theirs[name])
    skipped = ("/dev/console", "/newroot", "/")
    points = [sorted({item[0] for item in view["mounts"]} - set(skipped)) for view in (ours, theirs)]
    assert points[0] == points[1]


def test_nothing_of_the_hosts_environment_is_left_in_pid_1(compiled: Venv) -> None:
    code = "print(open('/proc/1/environ').read())"
    done = compiled.python(code, env={"SESSION_TOKEN": "s3cr3t-of-the-host"})
    assert done.status == 1
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize("status", [0, 1, 2, 3, 125, 139, 255])
def test_exit_statuses_come_through(compiled: Venv, status: int) -> None:
    assert compiled.python(f"import os; os._exit({status})").status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL, signal.SIGUSR1, signal.SIGPIPE])
def test_a_death_by_signal_is_one_outside(compiled: Venv, number: signal.Signals) -> None:
    code = f"import os, signal; signal.signal({int(number)}, 0) if {int(number)} != 9 else 0; os.kill(os.getpid(), {int(number)})"
    argv = [str(compiled.bin / "python"), "-c", code]
    assert run_as(compiled.user, argv, cwd=compiled.project).status == -number


def test_signals_to_the_launcher_reach_the_program_once(compiled: Venv) -> None:
    code = (
        "import signal, sys, time\n"
        "seen = []\n"
        "for n in (1, 2, 10, 12, 15, 28): signal.signal(n, lambda n, f: seen.append(n))\n"
        "print('ready', flush=True)\n"
        "while len(seen) < 6: time.sleep(0.01)\n"
        "time.sleep(0.3)  # for what comes twice\n"
        "print(sorted(seen))\n"
    )
    process = compiled.spawn("python", "-c", code)
    assert process.popen.stdout is not None
    assert process.popen.stdout.readline().strip() == b"ready"
    for number in (1, 2, 10, 12, 15, 28):
        process.signal(number)
    assert process.wait().check().stdout == "[1, 2, 10, 12, 15, 28]\n"


def test_what_only_python_does_is_pythons(compiled: Venv) -> None:
    assert who_runs(compiled) == "python"
    for given in ({"BWRAP_ARGS": "--setenv A b"}, {"SANDBOX_ENV": "A"}, PYTHON_INSTEAD):
        assert who_runs(compiled, given=given).startswith("python3")
    script = compiled.user.home / "outside.py"
    script.write_text("print(open('/proc/1/comm').read())")
    os.chown(script, compiled.user.home.stat().st_uid, -1)
    assert compiled.run("python", script).check().stdout.strip().startswith("python3")


def test_a_failed_start_says_what_python_says(compiled: Venv) -> None:
    missing = compiled.path / "sandbox" / "bin" / "python"
    assert who_runs(compiled) == "python"
    done = compiled.run("python", "/nowhere/at/all.py")
    assert done.status == 2
    original = os.readlink(missing)
    missing.unlink()
    missing.symlink_to("/nowhere")
    try:
        done = compiled.python("pass")
        assert done.status == 127
        assert done.stderr.count("run ") == 1
    finally:
        missing.unlink()
        missing.symlink_to(original)


def test_a_stale_plan_is_compiled_anew(compiled: Venv) -> None:
    (compiled.project / ".env").write_text("FROM_DOTENV=yes\n")
    code = "import os; print(os.environ['FROM_DOTENV'])"
    assert compiled.python(code).check().stdout == "yes\n"
    assert who_runs(compiled) == "python"
    assert compiled.python(code).check().stdout == "yes\n"


def test_a_damaged_plan_never_runs_anything_but_a_new_one(compiled: Venv) -> None:
    """Both backends' plans are read by the same code: each is damaged in other places."""
    (plan,) = compiled.user.home.glob(".local/state/sandbox-venv/venvs/*/run.plan")
    data = plan.read_bytes()
    for at in (0, 13, 30, len(data) - 2) if compiled.backend == "native" else (9, 17, len(data) // 2):
        plan.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert compiled.python("print('ran')").check().stdout == "ran\n"


def test_what_a_session_leaves_is_told(compiled: Venv) -> None:
    done = compiled.python("import os; os.mkdir('.vscode'); os.makedirs('below/.git')")
    assert done.status == 0
    assert ".vscode" in done.stderr
    assert "below/.git" in done.stderr
    assert who_runs(compiled) == "python"
    for path in (".vscode", "below/.git"):
        assert "Read-only" in compiled.python(f"open('{path}/new', 'w')").stderr
    assert "busy" in compiled.python("import os; os.rename('below', 'elsewhere')").stderr


def test_a_copied_launcher_refuses(compiled: Venv) -> None:
    copy = compiled.project / "python"
    copy.write_bytes((compiled.bin / "python").read_bytes())
    copy.chmod(0o755)
    done = run_as(compiled.user, [copy, "-c", "print('ran')"], cwd=compiled.project)
    assert (done.status, done.stdout) == (125, "")
    assert "it is a copy" in done.stderr


def test_the_mould_itself_is_no_launcher(compiled: Venv, tmp_path: Path) -> None:
    data = (compiled.bin / "python").read_bytes()
    at = data.index(MAGIC) + len(MAGIC)
    (tmp_path / "mould").write_bytes(data[:at] + bytes(8192 - len(MAGIC)) + data[at + 8192 - len(MAGIC) :])
    (tmp_path / "mould").chmod(0o755)
    done = subprocess.run([tmp_path / "mould"], capture_output=True, text=True)
    assert done.returncode == 125
    assert "mould" in done.stderr


def test_an_inherited_directory_is_closed_and_a_pipe_stays(compiled: Venv) -> None:
    code = "import os; print([n for n in sorted(map(int, os.listdir('/proc/self/fd'))) if os.path.exists(f'/proc/self/fd/{n}')])"
    shell = 'exec 7</ 8<&0; exec "$@"'
    argv = ["/bin/sh", "-c", f"true | {{ {shell}; }}", "sh", str(compiled.bin / "python"), "-c", code]
    done = run_as(compiled.user, argv, cwd=compiled.project).check()
    assert done.stdout.strip() == "[0, 1, 2, 8]"


@NATIVE
def test_system_calls_of_a_start_do_not_become_more(compiled: Venv) -> None:
    """Counted, not timed: per start and per mount (the plan's size is the machine's)."""
    out = compiled.user.home / "calls"
    argv = [need("strace"), "-f", "-qq", "-o", str(out), str(compiled.bin / "python"), "-c", "pass"]
    run_as(compiled.user, argv, cwd=compiled.project).check()
    lines = out.read_text(errors="replace").splitlines()
    started = next(at for at, line in enumerate(lines) if "execve(" in line and at)
    calls = [line.split(None, 1)[1].split("(")[0] for line in lines[:started]]
    trees = calls.count("open_tree")
    assert calls.count("execve") == 1, "Python was executed"
    assert calls.count("move_mount") == trees
    rest = len(calls) - 2 * trees - 4 * calls.count("mount_setattr")
    assert rest < 222


@pytest.mark.parametrize("backend", ["bwrap"])
def test_what_is_done_beside_bwrap_does_not_become_more(compiled: Venv) -> None:
    """Counted, not timed: all system calls of a start but bwrap's own."""
    out = compiled.user.home / "calls"
    need("strace")
    argv = ["strace", "-ff", "-qq", "-o", str(out), str(compiled.bin / "python"), "-c", "pass"]
    run_as(compiled.user, argv, cwd=compiled.project).check()
    logs = [path.read_text(errors="replace").splitlines() for path in compiled.user.home.glob("calls.*")]
    assert sum(line.startswith("execve(") for log in logs for line in log) == 4  # with bwrap, init, program
    assert sum(map(calls_of_ours, logs)) < 400


def calls_of_ours(log: list[str]) -> int:
    """Count what a process of a start called before it became bwrap or the program, or since it became init."""
    executed = [at for at, line in enumerate(log) if line.startswith("execve(")]
    init = [at for at in executed if '"/proc/self/fd/' in log[at]]
    if init:
        return len(log) - init[0]
    return executed[-1] if executed and executed[-1] else len(log)


@pytest.mark.parametrize("backend", ["bwrap"])
def test_init_shows_nothing_of_the_host_and_is_nobodys_to_call(compiled: Venv) -> None:
    code = "print(ascii(open('/proc/1/cmdline').read().split('\\0')))"
    done = compiled.python(code, env={"SESSION_TOKEN": "s3cr3t-of-the-host"}).check()
    program, config, *rest = ast.literal_eval(done.stdout)
    assert (program.rstrip("0123456789"), config.isdigit(), rest) == ("/proc/self/fd/", True, [""])
    for name in ("init", "/proc/self/fd/3", ""):  # a call under init's name, with its argument, is an ordinary call
        shell = f'exec -a "{name}" {compiled.bin}/python 0 2>&1'
        ordinary = run_as(compiled.user, ["/bin/bash", "-c", shell], cwd=compiled.project)
        assert ordinary.status == 2
        assert "can't open file" in ordinary.stdout


@pytest.mark.parametrize("backend", ["bwrap"])
@pytest.mark.parametrize("known", [True, False])
def test_a_mount_that_is_not_what_was_opened_ends_the_start(compiled: Venv, known: bool) -> None:
    """Something is mounted over a slot; only where the records say so does init go on."""
    (path,) = compiled.user.home.glob(".local/state/sandbox-venv/venvs/*/run.plan")
    plan = planfile.decode(path.read_bytes())
    at, target = next(
        (at, target) for at, target in enumerate(plan.records) if at % 3 == 2 and target.endswith(b"/.cache")
    )
    assert plan.records[at - 2] == b"w"
    cover = [b"=", b"--tmpfs", b"/" + target, *([b"x", b"", target] if known else [])]
    plan.records[-3:-3] = cover
    path.write_bytes(planfile.encode(plan.sections()))
    done = compiled.python("print('ran')")
    if known:
        assert (done.status, done.stdout) == (0, "ran\n")
    else:
        assert (done.status, done.stdout) == (125, "")
        assert done.stderr.startswith(
            f"sandbox-venv: check mount /{target.decode()}: it is not what was opened\nhint: "
        )


@pytest.mark.parametrize("backend", ["bwrap"])
def test_a_bwrap_that_is_killed_leaves_nothing(compiled: Venv) -> None:
    code = "import time; print(open('/proc/1/comm').read(), flush=True); time.sleep(60)"
    for given in ({}, PYTHON_INSTEAD):
        process = compiled.spawn("python", "-c", code, given=given)
        assert process.popen.stdout is not None
        assert process.popen.stdout.readline().startswith(b"python")
        children = [path for path in Path("/proc").glob("[0-9]*/stat") if is_child(path, process.pid)]
        (bwrap,) = [path for path in children if (path.parent / "comm").read_text() == "bwrap\n"]
        os.kill(int(bwrap.parent.name), signal.SIGKILL)
        done = process.wait(20)  # whatever lives on holds its output open
        assert (done.status, done.stdout.strip()) == (125, "")
        assert "killed" in done.stderr


def is_child(stat: Path, parent: int) -> bool:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1]) == parent
    except OSError:
        return False


def test_c_and_python_filters_agree(tmp_path: Path) -> None:
    """The environment filter with sanitizers, on thousands of generated environments."""
    done = subprocess.run(
        ["make", "-s", "-C", ROOT / "native", f"OUT={tmp_path}", "check"], capture_output=True, text=True
    )
    if done.returncode:
        lack(f"no compiler with sanitizers: {done.stderr[-200:]}")
    script = Path(__file__).parent / "c_launcher_environ.py"
    run = subprocess.run(
        [sys.executable, script, tmp_path / "filter-check", "7"], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, "0 differ\n"), run.stderr


def test_the_plan_reader_survives_damage(tmp_path: Path) -> None:
    """With sanitizers, on plans with bytes changed, cut and doubled; `make -C native fuzz` goes on from there."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    done = subprocess.run(
        ["make", "-s", "-C", ROOT / "native", f"OUT={tmp_path}", "check"], capture_output=True, text=True
    )
    if done.returncode:
        lack(f"no compiler with sanitizers: {done.stderr[-200:]}")
    plan = planfile.Plan([b""] * planfile.SECTIONS)
    plan.meta = {b"dir": b"/x", b"kind": b"run", b"nested-names": b".git\1.envrc"}
    plan.records, plan.slots = [b"/", b"/s", b"c", b"b", b"/a", b"a"], [b"rw", b"/p", b"/p"]
    plan.seccomp_allow, plan.stamps = bytes(16), [b"/a", b"1:2:3:4:5", b"/b", b"-"]
    whole = planfile.encode(plan.sections())
    files: list[bytes] = []

    @settings(max_examples=300, database=None, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(whole))
    )
    def damage(changes: list[tuple[int, int]], length: int) -> None:
        data = bytearray(whole)
        for at, value in changes:
            data[at] = value
        files.append(bytes(data if length % 3 else data[:length]))

    damage()
    for at, data in enumerate(files):
        (tmp_path / f"{at:04}.plan").write_bytes(data)
    names = sorted(str(path) for path in tmp_path.glob("*.plan"))
    run = subprocess.run([tmp_path / "plan-check", *names], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
