"""Signals, terminals, pipes and what starts programs: as for a plain interpreter."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path

import pytest

from tests.harness import CTRL_C, CTRL_D, CTRL_Z, Process, Result, Terminal, Venv, run_as

pytestmark = pytest.mark.e2e

EVERY_BYTE = bytes(range(256)) * 5000


def shell(venv: Venv, script: str, **more: object) -> Result:
    """Run a script of bash with the interpreter as ``$P``."""
    return run_as(venv.user, ["bash", "-c", f"P={venv.bin}/python; {script}"], cwd=venv.project, **more)  # type: ignore[arg-type]


def started(venv: Venv, code: str) -> Process:
    """Start ``python -c code`` and wait for its first line."""
    process = venv.spawn("python", "-c", code)
    assert process.popen.stdout
    process.popen.stdout.readline()
    return process


def test_ctrl_c_is_one_keyboard_interrupt(shared_venv: Venv) -> None:
    # Short sleeps: CPython sleeps a whole one where a signal comes just before its system call.
    code = (
        "import time\ntry:\n print(12345, flush=True)\n for _ in range(300): time.sleep(.1)\nexcept KeyboardInterrupt: print('KI')\n"
        "raise SystemExit(7)"
    )
    with shared_venv.terminal("python", "-c", code) as terminal:
        terminal.expect("12345")
        terminal.send(CTRL_C)
        done = terminal.wait().check(7)
        assert done.stdout.count("KI") == 1


def test_ctrl_c_that_is_not_caught_is_death_by_sigint(shared_venv: Venv) -> None:
    code = "import time; print(12345, flush=True)\nfor _ in range(300): time.sleep(.1)"
    with shared_venv.terminal("python", "-c", code) as terminal:
        terminal.expect("12345")
        terminal.send(CTRL_C)
        terminal.wait().check(-signal.SIGINT)


def test_ctrl_z_stops_and_fg_goes_on(shared_venv: Venv) -> None:
    code = 'import time; print("go" + "ing", flush=True); time.sleep(2); print("do" + "ne")'
    with Terminal(shared_venv.user, ["bash", "--norc", "-i"], cwd=shared_venv.project) as terminal:
        terminal.send(f"{shared_venv.bin}/python -c '{code}'\n")
        terminal.expect("going")
        terminal.send(CTRL_Z)
        terminal.expect("Stopped")
        terminal.send("fg\n")
        terminal.expect("done")
        terminal.send("exit\n")
        terminal.wait().check()


def test_a_new_window_size_is_told(shared_venv: Venv) -> None:
    code = (
        "import os, signal, time; n = []; signal.signal(signal.SIGWINCH, lambda *a: n.append(os.get_terminal_size()[0]))"
        "; print(12345, flush=True); t = time.time()\nwhile time.time() < t + 10 and not n: time.sleep(.1)\nprint(n)"
    )
    with shared_venv.terminal("python", "-c", code) as terminal:
        terminal.expect("12345")
        terminal.resize(30, 90)
        assert "[90]" in terminal.wait().check().stdout


def test_repl_pdb_and_a_history_in_the_private_home(shared_venv: Venv) -> None:
    with shared_venv.terminal("python", "-q") as terminal:
        terminal.expect(">>>")
        terminal.send("import os; os.get_terminal_size()\n")
        terminal.expect("columns=200")
        terminal.send("breakpoint()\n")
        terminal.expect("Pdb")
        terminal.send("c\n")
        terminal.expect(">>>")
        terminal.send(CTRL_D)
        terminal.wait().check()
    assert "get_terminal_size" in (shared_venv.home / ".python_history").read_text()


def test_statuses_and_deaths_are_the_programs(shared_venv: Venv) -> None:
    for status in (1, 2, 42, 124, 125, 126, 127, 128, 139, 255):
        shared_venv.python(f"raise SystemExit({status})").check(status)
    for number in (1, 2, 6, 9, 11, 15):
        shared_venv.python(f"import os; os.kill(os.getpid(), {number})").check(-number)


def test_all_bytes_go_through_pipes(shared_venv: Venv) -> None:
    copy = "$P -c 'import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)' | md5sum"
    done = shell(shared_venv, copy, input=EVERY_BYTE).check()
    assert done.stdout.split()[0] == hashlib.md5(EVERY_BYTE).hexdigest()


def test_closed_and_empty_standard_descriptors(shared_venv: Venv) -> None:
    script = """
        $P -c 'import sys; print(sys.stdin)' <&-
        $P -c 'import sys; sys.stderr.write(str(sys.stdout))' >&-
        $P -c 'import sys; print(repr(sys.stdin.read()))' </dev/null
        $P -c 'import sys; print(len(sys.stdin.read()) > 3)' </etc/passwd
    """
    done = shell(shared_venv, script).check()
    assert (done.stdout, done.stderr) == ("None\n''\nTrue\n", "None")


def test_timeout_nohup_setsid_nice_and_affinity(shared_venv: Venv) -> None:
    script = """
        timeout 1 $P -c 'import time; time.sleep(30)'; echo $?
        nohup $P -c 'import signal; print(int(signal.getsignal(1)))' 2>/dev/null | cat
        setsid -w $P -c 'print("sid")'
        nice -n 5 $P -c 'import os, sys; print(os.nice(0) - int(sys.argv[1]))' $(nice)
        taskset -c 0 $P -c 'import os; print(os.sched_getaffinity(0))'
        umask 077; $P -c 'import os; print(oct(os.umask(0)))'
        seq 3 | xargs -P 3 -n 1 $P -c 'import sys; print(sys.argv[1])' | sort | tr -d '\\n'
    """
    assert shell(shared_venv, script).check().stdout.split() == ["124", "1", "sid", "5", "{0}", "0o77", "123"]


def test_makes_jobserver_is_shared(shared_venv: Venv) -> None:
    code = (
        "import os, re, select; m = re.search(r'jobserver-(?:auth|fds)=(\\d+),(\\d+)', os.environ['MAKEFLAGS']); "
        "r, w = int(m[1]), int(m[2]); select.select([r], [], [], 10); os.write(w, os.read(r, 1)); print('token')"
    )
    user = shared_venv.user
    user.write(shared_venv.project / "token.py", code)
    user.write(shared_venv.project / "Makefile", f"all: a b\na b:\n\t+@sleep 0.1; {shared_venv.bin}/python token.py\n")
    done = run_as(user, ["make", "-j3"], cwd=shared_venv.project)
    assert done.check().stdout.count("token") == 2


def test_signals_to_the_launcher_reach_the_program(shared_venv: Venv) -> None:
    code = (
        "import signal, sys, time; n = []\n"
        "for s in (1, 10, 12): signal.signal(s, lambda s, f: (n.append(s), print('got', s, flush=True)))\n"
        "signal.signal(15, lambda *a: sys.exit(str(n)))\nprint('up', flush=True)\nwhile True: time.sleep(30)"
    )
    process = started(shared_venv, code)
    assert process.popen.stdout is not None
    for number in (1, 10, 12):
        process.signal(number)
        assert process.popen.stdout.readline() == b"got %d\n" % number
    process.signal(15)
    assert "[1, 10, 12]" in process.wait().check(1).stderr


def test_sigkill_leaves_nothing_running(shared_venv: Venv) -> None:
    sleeper = "import time; time.sleep(98.75)"
    process = started(
        shared_venv,
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {sleeper!r}]); print('up', flush=True); "
        "time.sleep(98)",
    )
    process.signal(signal.SIGKILL)
    process.wait()
    for _ in range(50):
        left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _reads(path, sleeper, shared_venv)]
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"still running: {left}")


def _reads(path: Path, text: str, venv: Venv) -> bool:
    try:
        line = path.read_bytes()
    except OSError:
        return False
    return text.encode() in line and str(venv.path).encode() in line


def test_a_socket_of_a_service_manager_is_passed_on(shared_venv: Venv) -> None:
    code = (
        "import os, socket; s = socket.socket(fileno=3); "
        "print(s.getsockname()[0], os.environ['LISTEN_PID'] == str(os.getpid()))"
    )
    manager = (
        "import os, socket, sys; s = socket.create_server(('127.0.0.1', 0)); os.dup2(s.fileno(), 3); "
        "os.set_inheritable(3, True); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words: list[str | Path] = ["/usr/bin/env", "python3", "-c", manager, shared_venv.bin / "python", "-c", code]
    assert run_as(shared_venv.user, words, cwd=shared_venv.project).check().stdout == "127.0.0.1 True\n"
