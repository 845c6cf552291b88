"""Signal the processes outside: the process group is the caller's own, so that Ctrl-C works."""

from __future__ import annotations

from tests.harness import Venv, run_as

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
