"""``ps``: running sandboxes, found in /proc, so that a start costs nothing for it.

A sandbox's PID 1 is a process that is 1 in a PID namespace one below ours; its waiter is the nearest process above it
that isn't bubblewrap. It counts where that waiter is a launcher of a wrapped venv, or ``sandbox-venv run``. Init can't
be looked into (it isn't dumpable), but proc_pid_status(5) is open to all.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from itertools import pairwise

from ..plan.explain import printable
from ..run import nearest_venv
from ..state import open_state
from .common import WIDTH, age, refuse_rest, say, say_json, take_flag, tilde
from .status import all_records

COMMANDS = ("run", "shell")
TABLE, LEAST = 46, 16
"""Columns before the command, and those that it has at least; people see what fits a line, ``--json`` has all."""


@dataclass(frozen=True, slots=True)
class Process:
    """What /proc says of a process: parent, owner, its pids from ours inwards, its name."""

    pid: int
    parent: int
    uid: int
    inner: tuple[int, ...]
    comm: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        pid: the waiter: what the user started.
        init: PID 1 of the sandbox, as seen from outside.
        program: the program's pid from outside and inside, None while it is starting.
        entry: the entry point, or the command line of ``sandbox-venv run``.
        venv: whose; "" for the system's Python.
        seconds: since it was started.
        processes: how many there are inside, PID 1 included.
    """

    pid: int
    init: int
    program: tuple[int, int] | None
    entry: str
    venv: str
    seconds: float
    processes: int


def read_processes() -> dict[int, Process]:
    """Return all processes that can be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as file:
                fields = dict(line.partition(":")[::2] for line in file.read().splitlines())
        except OSError:
            continue
        inner = tuple(int(number) for number in fields.get("NSpid", name).split())
        pid, parent, uid = int(name), int(fields["PPid"]), int(fields["Uid"].split()[0])
        found[pid] = Process(pid, parent, uid, inner, fields["Name"].strip())
    return found


def waiter_of(init: Process, processes: dict[int, Process]) -> Process | None:
    """Return the process outside that waits for a sandbox."""
    above = processes.get(init.parent)
    while above is not None and (above.comm == "bwrap" or len(above.inner) == len(init.inner)):
        above = processes.get(above.parent)
    return above


def command_of(pid: int, bins: dict[str, str]) -> tuple[str, str] | None:
    """Return (entry point or command, venv) of a waiter, None where it is none of ours.

    Args:
        pid: of the waiter.
        bins: directory of launchers -> venv.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        executable = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None
    cwd = _link(
        f"/proc/{pid}/cwd"
    )  # the launcher is the script of -IS, or follows -IS -c CODE where the C launcher handed over
    for path in (executable, *(os.path.join(cwd, word) for word in words[1:5])):
        folder = os.path.realpath(os.path.dirname(path))
        if folder in bins:
            return os.path.basename(path), bins[folder]
    for at, word in enumerate(words[:-1]):
        ours = os.path.basename(word) in ("sandbox-venv", "sandbox_venv") or word.endswith("sandbox_venv/__main__.py")
        if ours and words[at + 1] in COMMANDS:
            command = words[words.index("--") + 1 :] if "--" in words else [words[at + 1]]
            return " ".join(command), _venv_of(pid, words[at + 1 :], cwd)
    return None


def _venv_of(pid: int, words: list[str], cwd: str) -> str:
    """Return the venv of a command line of ``run`` or ``shell``, as ``run.find_venv`` finds it; "" for none."""
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    pairs = [(f"{word}={after}" if word == "--venv" else word) for word, after in pairwise([*options, ""])]
    named = [word.removeprefix("--venv=") for word in pairs if word.startswith("--venv=")]
    if words[0] == "shell" and options[:1] and not options[0].startswith("-"):
        named = options[:1]
    if not named:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                named = [
                    os.fsdecode(item[12:])
                    for item in file.read().split(b"\0")
                    if item[12:] and item[:12] == b"VIRTUAL_ENV="
                ]
        except OSError:
            named = []
    if named and not named[-1]:
        return ""
    if named:
        path = os.path.normpath(os.path.join(cwd, named[-1]))
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return nearest_venv(cwd) or ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return "/"


def started(pid: int) -> float:
    """Return when a process started, in seconds since the epoch; proc_pid_stat(5), field 22."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def find_sandboxes(bins: dict[str, str]) -> list[Sandbox]:
    """Return this user's running sandboxes, the oldest first."""
    processes = read_processes()
    depth = len(processes[os.getpid()].inner)
    found = []
    for init in processes.values():
        if init.uid != os.geteuid() or len(init.inner) != depth + 1 or init.inner[-1] != 1:
            continue
        waiter = waiter_of(init, processes)
        try:
            named = command_of(waiter.pid, bins) if waiter else None
            if waiter is None or named is None:
                continue
            seconds = time.time() - started(waiter.pid)
        except OSError:  # it ended meanwhile
            continue
        below = [item for item in processes.values() if len(item.inner) > depth and _is_under(item, init, processes)]
        program = next(((item.pid, item.inner[depth]) for item in below if item.parent == init.pid), None)
        found.append(Sandbox(waiter.pid, init.pid, program, named[0], named[1], seconds, len(below)))
    return sorted(found, key=lambda item: -item.seconds)


def _is_under(item: Process | None, init: Process, processes: dict[int, Process]) -> bool:
    while item is not None:
        if item.pid == init.pid:
            return True
        item = processes.get(item.parent)
    return False


def ps(words: list[str]) -> int:
    """List running sandboxes."""
    as_json = take_flag(words, "--json")
    refuse_rest("ps", words)
    records = [record for _, record, _ in all_records(open_state()) if record is not None]
    found = find_sandboxes({os.path.realpath(record.venv / "bin"): str(record.venv) for record in records})
    if as_json:
        say_json([asdict(item) for item in found])
        return 0
    if not found:
        say("no sandbox of yours is running")
        return 0
    say(f"{'PID':>7} {'INIT':>7} {'PROGRAM':>7} {'INSIDE':>6} {'AGE':>7} {'PROCS':>5}  ENTRY")
    for item in found:
        outer, inner = item.program or ("-", "-")
        where = f"  ({tilde(item.venv) if item.venv else 'no venv'})"
        room = max(LEAST, WIDTH - TABLE - len(where))
        entry = printable(item.entry)
        say(
            f"{item.pid:>7} {item.init:>7} {outer:>7} {inner:>6} {age(item.seconds):>7} {item.processes:>5}  "
            f"{entry if len(entry) <= room else entry[: room - 1] + '…'}{where}"
        )
    return 0
