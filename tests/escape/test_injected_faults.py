"""An error injected into any system call that builds the sandbox ends in 125, and no program runs.

The steps are read from a trace of a start that works, so a step that is added later is covered too. strace(1) fails the
call in the kernel's place: the product has no seam for it. Its count is per process, as here. So a launcher that tries
again in another process or another way would be seen: there, the call isn't failed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import IS_ROOT, Result, User, Venv, run_as
from tests.support.process import Argument
from tests.support.programs import need


@pytest.fixture(autouse=True)
def _strace() -> None:
    need("strace")


MOST = int(os.environ.get("SANDBOX_VENV_FAULTS_PER_CALL", "4"))
"""So many occurrences of one system call are hit, spread from the first to the last."""

STEPS = (
    "clone3", "clone", "unshare", "mount", "mount_setattr", "open_tree", "move_mount", "pivot_root", "umount2", "chdir",
    "fchdir", "prctl", "capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    "mkdir", "mkdirat", "mknodat", "symlink", "symlinkat", "openat2", "creat", "setrlimit", "close_range", "memfd_create",
    "pipe2", "execve",
)  # fmt: skip
GUARD = "clone3({flags=0, exit_signal=0"
"""The C launcher's first child, on bwrap: it sees to what a killed launcher leaves, and makes nothing of the sandbox."""

TOLERATED = {("prctl", "EPERM"), ("capset", "EPERM")}
"""bubblewrap itself goes on where these are refused: older kernels do so for capabilities that a process hasn't got."""

QUESTIONS = re.compile(r"prctl\(PR_(CAPBSET_READ|CAP_AMBIENT|GET_|SET_NAME|SET_VMA)|prlimit64\(.*NULL, \{| = -1 E")
"""Calls that change nothing, or that failed in a start that works."""

ERRORS = ("EIO", "EPERM", "ENOMEM")
"""In turn: what no kernel says of its own accord, what it says where it refuses, and what passes."""

HOW = {
    "bwrap": {"VERBOSE": ""},
    "bwrap by C": {},
    "options": {"VERBOSE": "1"},
    "python": {"VERBOSE": ""},
    "launcher": {},
}
"""What is started, with what has Python start a sandbox in the C launcher's place, by the plan's options or records."""


LOOK = r"""
import os
with open("/proc/self/mountinfo") as file:
    mounts = sorted({(line.split()[4], line.split()[5][:2]) for line in file})
with open("/proc/self/status") as file:
    status = [line for line in file if line.startswith(("Cap", "NoNew", "Seccomp"))]
print(mounts, status, os.listdir("/proc/self/fd"), os.path.exists("/etc/shadow"))
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
    guard = min((pid for pid in re.findall(r"^\d+", text, re.M) if pid != first), key=int) if GUARD in text else ""
    for line in text.splitlines():
        pid, _, rest = line.partition(" ")
        call = re.match(r"(\w+)\(", rest.strip())
        if not call or pid == guard:
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


def plans_of(venv: Venv) -> list[Path]:
    """Return the files of the stored plans."""
    return list((venv.user.home / ".local/state/sandbox-venv").glob("venvs/*/*.plan"))


def strace(venv: Venv, argv: list[Argument], call: str, fault: str, given: dict[str, str]) -> Result:
    """Start under a strace(1) that stops for one call alone, by a seccomp filter of its own: a third of the time."""
    log = venv.user.home / "trace"
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", f"trace={call}", "-e", fault, *argv]
    return run_as(venv.user, command, cwd=venv.project, given=given)


def inject(venv: Venv, how: str, most: int) -> int:
    """Hit each call at most so many times; return how many faults there were."""
    argv = venv.argv("python", "-c", "print('ran')")
    log = venv.user.home / "trace"
    run_as(venv.user, argv, cwd=venv.project, given=HOW[how]).check()  # compiles the plan
    run_as(venv.user, ["strace", "-f", "-qq", "-o", log, *argv], cwd=venv.project, given=HOW[how]).check()
    steps = spread(traced_steps(log.read_text(), str(venv.bin / "python")), most)
    plans = {path: path.read_bytes() for path in plans_of(venv)}
    wrong = []
    for at, step in enumerate(steps):
        error = ERRORS[at % len(ERRORS)]
        if how.startswith("bwrap") and (step.call, error) in TOLERATED:
            error = ERRORS[0]
        fault = f"inject={step.call}:error={error}:when={step.number}"
        done = strace(venv, argv, step.call, fault, HOW[how])
        assert "INJECTED" in log.read_text(), step
        lines = [line for line in done.stderr.splitlines() if not line.startswith("hint: ")]
        if done.status != 125 or done.stdout or not lines or "hint: " not in done.stderr:
            wrong.append((step, fault, done))
        for path, data in plans.items():  # a step that was refused has the next start go another way
            path.write_bytes(data)
    print(f"{how} as {venv.user}: {len(steps)} faults, {len(steps) - len(wrong)} ended in 125")
    assert not wrong, "\n".join(f"{fault}: {done.status} {done.stdout!r} {done.stderr!r}" for _, fault, done in wrong)
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


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_a_machine_without_the_newer_calls_is_served(shared_venvs: Callable[[str, str], Venv], error: str) -> None:
    """An older kernel, or a container's filter: no fault, since the launcher asks again whether the call is there."""
    venv = shared_venvs("user", "native")
    argv = venv.argv("python", "-c", LOOK)
    whole = strace(venv, argv, "swapon", "inject=swapon:error=EIO", {}).check().stdout  # with a filter of strace's, too
    calls = "open_tree,move_mount,mount_setattr,openat2,close_range,clone3"
    for how in ("launcher", "python", "options"):
        done = strace(venv, argv, calls, f"inject={calls}:error={error}", HOW[how])
        assert (done.status, done.stdout) == (0, whole), how


def test_after_a_refused_step_the_next_start_goes_another_way(shared_venvs: Callable[[str, str], Venv]) -> None:
    venv = shared_venvs("user", "native")
    argv = venv.argv("python", "-c", LOOK)
    whole = run_as(venv.user, argv, cwd=venv.project).check().stdout
    done = strace(venv, argv, "pivot_root", "inject=pivot_root:error=EINVAL:when=1", {})
    assert (done.status, done.stdout) == (125, "")
    assert done.stderr == (
        "sandbox-venv: set up sandbox: pivot_root: Invalid argument\n"
        "hint: try again: the next start goes another way, a little slower; what is amiss here: sandbox-venv doctor\n"
    )
    assert run_as(venv.user, argv, cwd=venv.project).check().stdout == whole
    for path in plans_of(venv):
        path.unlink()


def test_what_the_plan_names_and_is_gone_is_no_fault(make_venv: Callable[..., Venv], user: User) -> None:
    """Something optional that was there when the plan was compiled, and that no stamp watches."""
    extra = user.write(user.makedirs(user.home / "extra") / "file", "")
    venv = make_venv(wrap_options=("--ro-bind-try", extra.parent, "/mnt/extra"))
    look = "import os; print(os.path.exists('/mnt/extra/file'))"
    assert venv.python(look).check().stdout == "True\n"
    extra.unlink()
    extra.parent.rmdir()
    for given in ({}, {"VERBOSE": ""}):
        assert venv.python(look, given=given).check().stdout == "False\n"


@pytest.mark.parametrize("how", ["bwrap", "bwrap by C"])
def test_a_bwrap_that_is_killed_before_it_names_its_child_ends_the_start(
    shared_venvs: Callable[[str, str], Venv], how: str
) -> None:
    """Its child waits for it for ever, with the program's stdout and the status pipe: nobody else would end it."""
    venv = shared_venvs("user", "bwrap")
    argv = venv.argv("python", "-c", "print('ran')")
    log = venv.user.home / "trace"
    run_as(venv.user, ["strace", "-f", "-qq", "-o", log, *argv], cwd=venv.project, given=HOW[how]).check()
    lines = [line.split(None, 1) for line in log.read_text().splitlines()]
    bwrap = next(pid for pid, call in lines if call.startswith('execve("') and "/bwrap" in call.partition(",")[0])
    calls = [call for pid, call in lines if pid == bwrap and call.startswith("prctl(")]
    number = 1 + next(at for at, call in enumerate(calls) if call.startswith("prctl(PR_SET_PDEATHSIG"))
    assert any(pid == bwrap and call.startswith("clone(") for pid, call in lines)
    fault = f"inject=prctl:signal=SIGKILL:when={number}"
    command = ["strace", "-f", "-qq", "-o", log, "-e", "trace=prctl", "-e", fault, *argv]
    done = run_as(venv.user, command, cwd=venv.project, given=HOW[how])  # ends when all have let go of stdout
    assert (done.status, done.stdout) == (125, "")
    assert "sandbox-venv: " in done.stderr
