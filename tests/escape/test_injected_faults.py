"""An error injected into any system call that builds the sandbox ends in 125, and no program runs.

The steps are read from a trace of a start that works, so a step that is added later is covered too. strace(1) fails the
call in the kernel's place: the product has no seam for it. Its count is per process, as here.

Some calls have another way to the same end (`openat2` by steps, records by options, the C launcher by Python's): then a program
may run, in a sandbox whose mounts, capabilities and filters are those of a start without a fault.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.harness import IS_ROOT, Result, Venv, run_as
from tests.support.programs import need


@pytest.fixture(autouse=True)
def strace() -> None:
    need("strace")


MOST = int(os.environ.get("SANDBOX_VENV_FAULTS_PER_CALL", "4"))
"""So many occurrences of one system call are hit, spread from the first to the last."""

STEPS = (
    "clone3", "clone", "unshare", "mount", "mount_setattr", "open_tree", "move_mount", "pivot_root", "umount2", "chdir",
    "fchdir", "prctl", "capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    "mkdir", "mkdirat", "mknodat", "symlink", "symlinkat", "openat2", "creat", "setrlimit", "close_range", "memfd_create",
    "pipe2", "execve",
)  # fmt: skip
QUESTIONS = re.compile(r"prctl\(PR_(CAPBSET_READ|CAP_AMBIENT|GET_|SET_NAME|SET_VMA)|prlimit64\(.*NULL, \{| = -1 E")
"""Calls that change nothing, or that failed in a start that works."""

OTHER_WAY = {"openat2", "mkdirat", "mknodat", "close_range", "clone3"}
"""Where these fail, something else does the same: clone3 in posix_spawn(3), after which the program is forked."""

HOW = {
    "bwrap": {"VERBOSE": ""},
    "bwrap by C": {},
    "options": {"VERBOSE": "1"},
    "python": {"VERBOSE": ""},
    "launcher": {},
}
"""What is started, with what has Python start a sandbox in the C launcher's place, by the plan's options or records."""

LOOK = r"""
with open("/proc/self/mountinfo") as file:
    mounts = sorted(repr(line.split()[3:6] + line.split(" - ")[1].split()[:1]) for line in file if line.split()[4] != "/")
with open("/proc/self/status") as file:
    status = [line for line in file if line.startswith(("Cap", "NoNew", "Seccomp"))]
import os
print("ran", mounts, status, os.listdir("/proc/self/fd"), os.path.exists("/etc/shadow"))
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call: its name, and which of these it is in its process."""

    call: str
    number: int


def traced_steps(text: str, program: str) -> list[Step]:
    """Return the set-up's steps that a trace shows, up to where the program starts."""
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[Step, None] = {}
    first = text.split(None, 1)[0]
    for line in text.splitlines():
        pid, _, rest = line.partition(" ")
        call = re.match(r"(\w+)\(", rest.strip())
        if not call:
            continue
        counts[pid, call[1]] += 1
        starts = call[1] == "execve" and pid != first and f'"{program}"' in rest
        if call[1] in STEPS and not QUESTIONS.search(rest) and not (call[1] == "execve" and pid == first):
            found[Step(call[1], counts[pid, call[1]])] = None
        if starts:
            break
    return list(found)


def spread(steps: list[Step], most: int) -> list[Step]:
    """Return at most ``most`` steps of each call, the first and the last among them."""
    chosen = []
    for call in dict.fromkeys(step.call for step in steps):
        own = sorted({step.number for step in steps if step.call == call})
        wanted = {own[round(at * (len(own) - 1) / max(1, most - 1))] for at in range(most)} if most > 1 else {own[-1]}
        chosen += [Step(call, number) for number in sorted(wanted)]
    return chosen


def is_whole(step: Step, how: str, stdout: str, whole: set[str]) -> bool:
    """Tell whether a program that ran had the right to: in a whole sandbox, made in another way."""
    return stdout in whole and (how in {"launcher", "python", "bwrap by C"} or step.call in OTHER_WAY)


def inject(venv: Venv, how: str, most: int) -> int:
    """Hit each call at most so many times; return how many faults there were."""
    argv = venv.argv("python", "-c", LOOK)
    log = venv.user.home / "trace"

    def strace(call: str, *more: str, given: dict[str, str]) -> Result:
        """Start under a strace(1) that stops for one call alone, by a seccomp filter of its own: a third of the time."""
        command = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", f"trace={call}", *more, *argv]
        return run_as(venv.user, command, cwd=venv.project, given=given)

    whole = {strace("accept", given=given).check().stdout for given in HOW.values()}
    run_as(venv.user, ["strace", "-f", "-qq", "-o", log, *argv], cwd=venv.project, given=HOW[how]).check()
    steps = spread(traced_steps(log.read_text(), str(venv.bin / "python")), most)
    wrong, failed = [], 0
    for step in steps:
        fault = f"inject={step.call}:error=EIO:when={step.number}"
        done = strace(step.call, "-e", fault, given=HOW[how])
        assert "INJECTED" in log.read_text(), step
        failed += done.status == 125 and not done.stdout
        if (done.status != 125 or done.stdout) and not is_whole(step, how, done.stdout, whole):
            wrong.append((step, done))
    print(f"{how} as {venv.user}: {len(steps)} faults, {failed} ended in 125, {len(steps) - failed} in a whole sandbox")
    assert wrong == []
    return len(steps)


@pytest.mark.parametrize("how", HOW)
def test_a_fault_in_each_kind_of_call_ends_in_125(shared_venvs: Callable[[str, str], Venv], how: str) -> None:
    assert inject(shared_venvs("user", "bwrap" if how.startswith("bwrap") else "native"), how, 1) > 15


@pytest.mark.slow
@pytest.mark.parametrize("who", ["root", "user"] if IS_ROOT else ["user"])
@pytest.mark.parametrize("how", HOW)
def test_every_fault_ends_in_125_and_no_program_runs(
    shared_venvs: Callable[[str, str], Venv], how: str, who: str
) -> None:
    assert inject(shared_venvs(who, "bwrap" if how.startswith("bwrap") else "native"), how, MOST) >= 40
