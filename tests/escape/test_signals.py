"""Signal the processes outside: the process group is the caller's own, so that Ctrl-C works."""

from __future__ import annotations

from tests.harness import Venv, run_as, system_python
from tests.support.terminal import Terminal

SCRIPT = """
trap 'echo OUTSIDE-WAS-HIT' USR1 USR2 TERM HUP
{python} -c '
import os, signal, sys
for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
    for call in (lambda: os.kill(0, number), lambda: os.killpg(0, number), lambda: os.killpg(os.getpgrp(), number),
                 lambda: os.kill(-1, number), lambda: os.kill(os.getppid(), number)):
        try:
            call()
        except OSError:
            pass
child = os.fork()
if not child:
    signal.pause()
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
os.kill(child, signal.SIGKILL)
print("twin:", os.waitpid(child, 0)[1], flush=True)
'
sleep 0.3
echo still here
"""


def test_the_calling_script_is_out_of_reach(shared_venv: Venv) -> None:
    script = SCRIPT.format(python=shared_venv.bin / "python")
    done = run_as(shared_venv.user, ["sh", "-c", script], cwd=shared_venv.project).check()
    assert done.stdout == "twin: 9\nstill here\n", done


SIGIO = """
import fcntl, os, signal, time
mine = []
signal.signal(signal.SIGUSR1, lambda *_: mine.append(1))
fd = os.open("/dev/tty", os.O_RDWR)
fcntl.fcntl(fd, 10, signal.SIGUSR1)  # F_SETSIG
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC)  # the terminal's owner is then the foreground group, as the kernel has it
print("type", flush=True)
for _ in range(100):
    if not mine:
        time.sleep(0.05)
print("mine:", bool(mine), flush=True)
"""
GROUP = 'trap \'echo OUTSIDE-WAS-HIT\' USR1; "$0" -c "$1"; echo still here'


def asked_for_signals(venv: Venv, python: object) -> str:
    """Return what a script and a program in its group print when that had the terminal signal its readers."""
    with Terminal(venv.user, ["sh", "-c", GROUP, str(python), SIGIO], cwd=venv.project) as terminal:
        terminal.expect("^type$")
        terminal.send("x\n")
        return terminal.wait().stdout


def test_the_terminal_signals_nobody_outside(shared_venv: Venv) -> None:
    """F_SETSIG and O_ASYNC: the kernel itself sends the signal, which may be any, to the caller's whole group."""
    shown = asked_for_signals(shared_venv, shared_venv.bin / "python")
    assert "mine: True" in shown and "still here" in shown, shown
    assert "OUTSIDE-WAS-HIT" not in shown
    # without a sandbox the signal ends the terminal's own leader, too
    assert "still here" not in asked_for_signals(shared_venv, system_python())
