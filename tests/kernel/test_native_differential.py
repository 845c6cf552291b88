"""bwrap and native, given the same random option list, show the same view inside, or refuse it alike.

What may differ is listed in `DOCUMENTED` and in docs/native.md, with its reason. ``NATIVE_EXAMPLES`` sets the number of
lists (30); ``BWRAP`` names the bwrap to compare with, else it is the system's. One before release 0.11 is only given
options that it knows, and its messages may differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from sandbox_venv.launch.native.table import TABLE
from tests.harness import Tool, User
from tests.kernel.native_lists import options
from tests.kernel.native_support import ROOT, find_bwrap
from tests.kernel.native_world import Arguments, Parts, World, namespaces

pytestmark = pytest.mark.kernel

EXAMPLES = int(os.environ.get("NATIVE_EXAMPLES", "30"))
BASE_OPTIONS = ROOT[: ROOT.index("--proc")]
PROBE = (Path(__file__).parent / "native_probe.py").read_text(encoding="utf-8")
TABLE_NAMES = {name.decode() for name in TABLE}
HANGS = -1000
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")

DOCUMENTED = (
    # reason, pattern in native's message or bwrap's
    (
        "a mount point behind a link that a sandbox may have planted is refused (as bwrap 0.12)",
        "a symbolic link on the way",
    ),
    ("bwrap finds no mount whose file is deleted, as that of --bind-data is", r"\(deleted\)\" in mount table"),
)


@dataclass(frozen=True)
class Outcome:
    """What one run came to: status, view or output, messages, what was written for whoever watches, the files."""

    status: int
    view: Any
    message: str
    told: list[bytes]
    world: Any


def run(command: list[str], parts: Parts, world: World, env: dict[str, str]) -> Outcome:
    """Run one of the two in a new world."""
    world.make()
    host = {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
    tops = f"/t:/d:/x:/tmp:/run:/dev:/etc:{world.path}"
    inner = ["/usr/bin/python3", "-I", "-S", "-c", PROBE, json.dumps(host), tops]
    words = [word if isinstance(word, str) else "49" for word in parts]
    identity: dict[str, Any] = {}
    if os.geteuid() != world.user.uid:
        identity = {"user": world.user.uid, "group": world.user.gid, "extra_groups": []}
    behind = next((part for part in parts if isinstance(part, Arguments)), None)
    with world.descriptors(behind) as descriptors, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [*command, *BASE_OPTIONS, *words, "--", *inner],
            cwd=world.path / "cwd",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=descriptors,
            process_group=0,
            **identity,
        )
        status = HANGS
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # bwrap, failing, may leave a child that waits for it forever
            process.wait()
        text, message, *told = (os.pread(fd, 1 << 20, 0) for fd in (out.fileno(), err.fileno(), 50, 51))
    view = json.loads(text) if text.startswith(b"{") else text.decode("utf-8", "surrogateescape")
    return Outcome(status, view, message.decode("utf-8", "surrogateescape"), told, world.listing())


def normalise(view: Any, name: str) -> Any:
    """Take out of a view, or of what --help printed, what differs for a reason."""
    if not isinstance(view, dict):
        if view.startswith("usage:"):  # in words of our own
            return (view.partition("\n")[0].replace(name, "bwrap"), set(re.findall(r"\s(--[a-z0-9-]+)", view)))
        return view
    text = json.dumps(view)
    # the file behind --bind-data has a name that nobody can reach
    text = re.sub(r"/bindfile[^/\"]*//deleted", "/bindfile", text)
    # native gives overlay layers as descriptors: no path of the host shows
    text = re.sub(r"overlay (ro|rw),[^\"]*", r"overlay \1", text)
    # the kernel leaves out what is the default of the moment
    text = text.replace(",inode64", "")
    found = json.loads(text)
    found["env"].pop("LC_CTYPE", None)  # set by the probe's own interpreter (PEP 538)
    return found


def words(message: str) -> str:
    """Return the part of a message that must be the same: what could not be done, and why."""
    message = re.sub(r"/(newroot|oldroot)/", "/", message)
    # which call meets a dangling link first
    message = re.sub(
        r"Can't bind mount \S+ on (\S+): Unable to mount source on destination(: No such)", r"Can't make \1\2", message
    )
    calls = r"mkdir|mkdir parents for|create file|create file at|mount \w+ on"
    message = re.sub(rf"Can't ({calls}) (\S+: No such file)", r"Can't make \2", message)
    message = re.sub(r"bwrap: Can't make overlay mount.*", "bwrap: Can't make overlay mount", message)
    return message.strip()


def tellings(told: list[bytes]) -> list[bytes]:
    """Return what was written to --info-fd and --json-status-fd without the numbers that are new each time."""
    return [re.sub(rb'("(?:child-pid|[a-z]+-namespace)": )\d+', rb"\1N", text) for text in told]


def known(parts: Parts, help_text: str) -> bool:
    """Say whether a bwrap knows all of the options."""
    inside = [word for part in parts if isinstance(part, Arguments) for word in part.options]
    return all(word in help_text for word in (*parts, *inside) if isinstance(word, str) and word in TABLE_NAMES)


def test_same_view_or_same_refusal(tool: Tool, user: User) -> None:
    bwrap, recent = find_bwrap()
    help_text = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=True).stdout
    tool.require(user, "native")
    path = Path(tempfile.mkdtemp(dir=user.home)) / "world"
    user.own(path.parent)
    native = [str(tool.python), "-I", "-m", "sandbox_venv.launch.native"]
    env = {"HOME": str(path), "PATH": "/usr/bin:/bin", "A": "1", "LANG": "C.UTF-8"}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(options(str(path)))
    def compare(parts: Parts) -> None:
        if not recent and not known(parts, help_text):
            return
        theirs = run([bwrap], parts, world, env)
        ours = run(native, parts, world, env)
        if theirs.status == HANGS and "--pidns" in parts:
            event("bwrap waits forever")  # a set-up that fails in the last of its forks isn't told to the first
            assert ours.status == 1
            return
        event("runs" if isinstance(theirs.view, dict) else "refused")
        for reason, pattern in DOCUMENTED:
            if re.search(pattern, ours.message + theirs.message):
                event(reason)
                return
        if not recent and "--symlink" in parts and "File exists" in theirs.message:
            return  # before 0.9.0 the same link, made twice, was refused
        if recent:
            assert words(ours.message) == words(theirs.message)
        assert ours.status == theirs.status
        assert normalise(ours.view, bwrap) == normalise(theirs.view, bwrap)
        assert tellings(ours.told) == tellings(theirs.told)
        assert ours.world == theirs.world

    with namespaces(user) as joinable:
        world = World(path, user, joinable)
        compare()
