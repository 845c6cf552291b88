"""Where user namespaces can't be had, one line says what forbids them, a hint what to do, and nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness import ROOT, Base, Result, Tool, User, Venv, make_project, run_as, system_python
from tests.support.process import Argument

pytestmark = pytest.mark.e2e

WAYS = {
    "limit": "the sysctl user.max_user_namespaces is 0 in the container or sandbox around this shell",
    "filter": "a seccomp filter, a container's most likely, forbids unshare(2)",
    "mounts": "a seccomp filter, a container's most likely, forbids mount(2)",
    "proc": "parts of /proc are covered here",
}


@pytest.fixture(scope="session")
def script(base: Base) -> Path:
    """The script that makes obstacles, where every user can read it."""
    path = base.path / "obstacles.py"
    path.write_bytes((ROOT / "tests" / "support" / "obstacles.py").read_bytes())
    return path


def hinder(script: Path, way: str, venv: Venv, argv: Sequence[Argument]) -> Result:
    """Run a program in a venv's project with an obstacle in force."""
    return run_as(venv.user, [system_python(), "-I", script, way, *argv], cwd=venv.project)


def check_refusal(done: Result, reason: str) -> None:
    """One line of ours with the reason, a hint, 125; bwrap and the native set-up may have said first what failed."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("bwrap: ")]
    assert (done.status, done.stdout, len(lines)) == (125, "", 2), done
    assert lines[0].startswith("sandbox-venv: "), done
    assert lines[1].startswith("hint: "), done
    assert reason in done.stderr, done


def test_what_forbids_namespaces_is_said(shared_venv: Venv, script: Path) -> None:
    venv = shared_venv
    run: list[Argument] = [venv.tool.command, "run", "--backend", venv.backend, "--", "python", "-c", "print(1)"]
    for argv, ways in ((venv.argv("python", "-c", "print(1)"), [*WAYS]), (run, ["limit", "mounts"])):
        assert run_as(venv.user, argv, cwd=venv.project).check().stdout == "1\n"  # and now the plan is there
        for way in ways:
            check_refusal(hinder(script, way, venv, argv), WAYS[way])


@pytest.mark.parametrize("way", WAYS)
def test_doctor_says_what_forbids_namespaces(tool: Tool, ordinary_user: User, script: Path, way: str) -> None:
    words: list[Argument] = [system_python(), "-I", script, way, tool.command, "doctor", "--json"]
    done = run_as(ordinary_user, words)
    row = json.loads(done.stdout)["rows"]["userns"]
    assert (done.status, row["ok"]) == (1, False)
    assert row["detail"].startswith(WAYS[way])
    assert row["remedy"]


def test_a_wrap_without_namespaces_changes_nothing(tool: Tool, user: User, script: Path) -> None:
    venv = make_project(tool, user, "auto", first=True)

    def state() -> list[str]:
        return sorted(str(path) for path in (*venv.path.rglob("*"), *venv.user.home.glob(".local/state/*/venvs/*")))

    before = state()
    words: list[Argument] = [venv.tool.command, "wrap", venv.path]
    check_refusal(hinder(script, "filter", venv, words), WAYS["filter"])
    assert state() == before
    venv.wrap("--unshare-net").check()
    check_refusal(hinder(script, "filter", venv, [*words, "--share-net"]), WAYS["filter"])
    interfaces = "print(open('/proc/net/dev').read().count(':'))"
    assert venv.python(interfaces).check().stdout == "1\n"  # the earlier options are in force
