"""Kill, stop, trace, limit or feed PID 1, whose end ends the session and whose words the launcher believes."""

from tests.escape.kit import Got, Lab

ATTACK = """
import ctypes
import os
import signal
import time

libc = ctypes.CDLL(None, use_errno=True)

def attack():
    done = []
    for number in range(1, 65):
        if number in (33,):
            continue
        try:
            if number < 34:  # the others are messages, by which init signals this very program
                os.kill(1, number)
        except OSError:
            pass
    try:
        fd = os.pidfd_open(1)
        for number in (9, 19):
            try:
                signal.pidfd_send_signal(fd, number)
            except OSError:
                pass
        for other in range(16):
            if libc.syscall(438, fd, other, 0) >= 0:
                done.append(["pidfd_getfd", other])
    except OSError:
        pass
    for name in ("mem", "syscall", "stack", "fd", "map_files", "ns", "cwd", "root", "exe", "timerslack_ns", "oom_score_adj", "wchan"):
        path = "/proc/1/" + name
        try:
            if os.path.isdir(path):
                done.append([name, os.listdir(path)[:3]])
            elif name in ("timerslack_ns", "oom_score_adj"):
                with open(path, "w") as file:
                    file.write("1000")
                done.append([name, "written"])
            else:
                with open(path, "rb") as file:
                    if file.read(8) not in (b"", b"0"):
                        done.append([name, "read"])
        except OSError:
            pass
    if libc.ptrace(16, 1, 0, 0) == 0:
        done.append("ptrace")
    time.sleep(0.1)
    with open("/proc/1/status") as file:
        state = [line for line in file if line.startswith("State")][0]
    return [done, state.split()[1] in "SR"]

def twin():
    child = os.fork()
    if not child:
        signal.pause()
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]
"""


def check(lab: Lab, got: Got) -> None:
    done, alive = got.attack.value
    if lab.venv.user.is_root:  # owns what can't be dumped, too: sees numbers and names there, nothing behind them
        done = [item for item in done if item[0] not in ("fd", "ns", "oom_score_adj")]
    assert (done, alive) == ([], True), got.attack
    assert got.twin is not None and got.twin.value == 9
