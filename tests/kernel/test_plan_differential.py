"""One plan, four executors: what is seen inside, or the refusal, is the same from bwrap, Python and the C launcher.

The plans are those of the golden tests, and those of random options. ``PLAN_EXAMPLES`` sets the number of random
option lists for each user (4), ``BWRAP`` names a bwrap, else it is the system's.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sandbox_venv.state import id_of
from tests.harness import Venv, spawn_as
from tests.kernel.native_support import find_bwrap
from tests.unit.plan.golden_options import GOLDEN_OPTIONS

pytestmark = pytest.mark.kernel

EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "4"))
HERE = Path(__file__).parent
PROBE = (HERE / "c_launcher_probe.py").read_text(encoding="utf-8")
EXECUTORS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("bwrap", "bwrap", {"verbose": ""}),
    ("bwrap by c", "bwrap", {}),
    ("python", "native", {"verbose": ""}),
    ("c", "native", {}),
)
"""Name, backend of the plan, variables. That variable makes the C launcher execute the Python one."""

REFUSED = (125, 126, 127)
NEWER = ("--symlink", "--overlay-src")
"""Options that a bwrap before 0.11 doesn't know, or executes otherwise."""

Seen = dict[str, Any]


class Bench:
    """A wrapped venv whose plans are compiled from any options, without wrapping it anew each time."""

    def __init__(self, venv: Venv) -> None:
        self.venv = venv
        folder = venv.user.home / ".local/state/sandbox-venv/venvs" / id_of(venv.path)
        self.plans = [folder / "run.plan", folder / "install.plan"]
        bwrap, self.recent = find_bwrap()
        argv: list[str | os.PathLike[str]] = [venv.tool.python, "-I", HERE / "plan_compiler.py", folder, bwrap]
        self.compiler = spawn_as(venv.user, argv, cwd=venv.project, stdin=subprocess.PIPE)

    def compile(self, kind: str, backend: str, options: list[str]) -> str | None:
        """Put the plan into its place; return why it can't be compiled."""
        stdin, stdout = self.compiler.popen.stdin, self.compiler.popen.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([kind, backend, options]).encode() + b"\n")
        stdin.flush()
        answer: str | None = json.loads(stdout.readline())
        return answer

    def close(self) -> None:
        self.compiler.wait()
        for plan in self.plans:
            plan.unlink(missing_ok=True)

    def see(self, kind: str, options: list[str]) -> dict[str, Seen | str]:
        """Return what each executor shows, or its refusal."""
        places = [word for word in options if word.startswith("/") and word != "/"]
        argv = ["pip"] if kind == "install" else ["python", "-c", PROBE]
        found: dict[str, Seen | str] = {}
        backend = refusal = None
        for name, wanted, variables in EXECUTORS:
            if wanted != backend:
                backend = wanted
                refusal = self.compile(kind, backend, options)
            if refusal is not None:
                found[name] = refusal
                continue
            done = self.venv.run(*argv, *places, given=variables)
            if done.status == 0:
                found[name] = normalised(json.loads(done.stdout))
            else:
                assert done.status in REFUSED, str(done)
                assert done.stdout == "", str(done)
                found[name] = f"{done.status} {done.stderr}"
        return found


def normalised(view: Seen) -> Seen:
    """Take out what differs by design.

    That is who is PID 1; the new root, which for C is a skeleton on disk; and whether device nodes lie on a read-only
    mount, as those do that a bwrap before 0.12 finds in its shelter: a device is written all the same, mount(8).
    """
    for item in view["mounts"]:
        if item[0].startswith("/dev/") and item[1] != "/":
            item[2] = [flag for flag in item[2] if flag not in ("ro", "rw")]
    view["mounts"] = sorted(["/", "", item[2], [], ""] if item[0] == "/" else item for item in view["mounts"])
    view["environ"].pop("verbose", None)
    view["environ"].pop("LC_CTYPE", None)  # PEP 538: the Python launcher's own interpreter may add it
    return view


def compare(found: dict[str, Seen | str], options: list[str], *, recent: bool = True) -> str:
    """Demand the same of all; return what came of it."""
    bwrap_too = recent or not any(word in options for word in NEWER)
    python, c = found["python"], found["c"]
    by_c, by_python = found["bwrap by c"], found["bwrap"]
    if isinstance(by_c, str) or isinstance(by_python, str):
        assert by_c == by_python
    else:
        assert {**by_c, "init": ""} == {**by_python, "init": ""}
    if isinstance(python, str) or isinstance(c, str):
        assert c == python
        if bwrap_too:
            assert (
                str(found["bwrap"])[:4] == str(python)[:4]
            )  # the status, or the beginning of why it can't be compiled
        return "refused"
    outcome = "seen, by C" if c["init"] == "python" else "seen, by Python instead of C"
    views = [c]
    if bwrap_too:
        assert not isinstance(found["bwrap"], str), found["bwrap"]
        views.append(found["bwrap"])
    for name in set(python) - {"init"}:
        for view in views:
            # Native's init is a fork from outside, in whose memory no capability inside has a say; bwrap's is executed.
            if (name, view is c, "--cap-add" in options) != ("pid 1", False, True):
                assert (name, view[name]) == (name, python[name])
    return outcome


@pytest.fixture(params=["native"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(make_venv: Callable[..., Venv]) -> Iterator[Bench]:
    venv = make_venv(wrap=False, name="code/proj")
    venv.tool.require(venv.user, "bwrap")
    installer = venv.bin / "pip"
    venv.user.write(installer, f"#!{venv.bin}/python\n{PROBE}", 0o755)
    venv.user.write(venv.project / "data/in.txt", "text")
    venv.user.makedirs(venv.user.home / "code/other")
    venv.wrap().check()
    found = Bench(venv)
    yield found
    found.close()


def options_in(home: Path) -> st.SearchStrategy[list[str]]:
    """Return lists of options as people give them when they wrap."""
    project = home / "code/proj"
    sources = [f"{project}/data", f"{project}/data/in.txt", f"{home}/code/other", f"{home}/missing", "/etc/hosts"]
    sources += ["/srv", "/usr/share", "/", str(home), "/dev/null"]
    dests = [f"{project}/data", f"{project}/new", f"{project}/data/in.txt", f"{home}/code/other", f"{home}/deep/er"]
    dests += ["/data", "/data/in", "/opt/x", "/tmp/x", "/srv", "/etc/hosts", f"{project}/.venv/extra", "/", str(home)]
    modes = ["0700", "0755", "1777", "0600"]

    def row(*parts: str | list[str]) -> st.SearchStrategy[list[str]]:
        return st.tuples(*[st.sampled_from(p) if isinstance(p, list) else st.just(p) for p in parts]).map(list)

    mounts = st.one_of(
        row(["--bind", "--ro-bind", "--bind-try", "--ro-bind-try", "--dev-bind", "--dev-bind-try"], sources, dests),
        row(["--ro-bind", "--ro-bind-try"], ["/etc/hosts", "/usr/share", "/srv"], ["/data", "/data/in", "/opt/x"]),
        row(["--tmpfs", "--dir", "--remount-ro", "--proc", "--dev", "--mqueue"], dests),
        row("--perms", modes, ["--tmpfs", "--dir"], dests),
        row("--size", ["65536", "1048576"], "--tmpfs", dests),
        row("--symlink", ["a", "/etc/hosts", "../x"], dests),
        row("--chmod", modes, dests),
        row("--overlay-src", sources, "--tmp-overlay", dests),
    )
    others = st.one_of(
        row("--setenv", ["A", "PATH", "HOME", "LD_PRELOAD"], ["", "b c", "/x"]),
        row("--unsetenv", ["USER", "PATH", "LANG"]),
        row(["--clearenv", "--unshare-net", "--unshare-all", "--share-net", "--new-session", "--unshare-pid"]),
        row("--unshare-uts", "--hostname", "box"),
        row(["--uid", "--gid"], ["0", "1234"]),
        row(["--cap-add", "--cap-drop"], ["ALL", "CAP_KILL"]),
        row("--chdir", ["/tmp", str(project), "/nowhere"]),
        row("--rlimit", ["nofile=64:128", "core=0", "nofile=nothing"]),
        row("--allow", ["devel", "numa", "nonsense"]),
        row("--lib", "libm.so.6"),
        row("--keep-fd", "7"),
    )
    lists = st.lists(st.one_of(mounts, others), min_size=1, max_size=4)
    return lists.map(lambda found: list(itertools.chain.from_iterable(found)))


def test_golden_plans_make_the_same_sandbox(bench: Bench) -> None:
    for name, kind, options in GOLDEN_OPTIONS:
        words = options.replace("{T}/home", str(bench.venv.user.home)).split()
        found = bench.see(kind, words)
        assert (name, [view for view in found.values() if isinstance(view, str)]) == (name, [])
        compare(found, words)


def test_plans_of_random_options_make_the_same_sandbox(bench: Bench) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(options_in(bench.venv.user.home))
    def check(options: list[str]) -> None:
        event(compare(bench.see("run", options), options, recent=bench.recent))

    check()
