"""``doctor``: its table and exit status, and attacks that come through nowhere but outside."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_venv.commands import attacks_inside
from tests.harness import Tool, User, Venv

pytestmark = pytest.mark.e2e


def test_each_row_that_is_not_ok_says_what_is_lost_and_what_to_do(tool: Tool, user: User) -> None:
    done = tool.run(user, "doctor", "--json")
    table = json.loads(done.stdout)
    works = table["seccomp"]["ok"] and (table["native"]["ok"] or table["bwrap"]["ok"])
    assert done.status == (0 if works else 1)
    for row in table.values():
        assert row["detail"]
        assert row["ok"] or (row["loss"] and row["remedy"])
    assert {"container", "overlay", "cgroup", "dbus_proxy", "c_launcher", "landlock", "tiocsti"} <= table.keys()
    text = tool.run(user, "doctor").stdout
    assert max(map(len, text.splitlines())) <= 120


def test_no_remedy_weakens_the_machine(tool: Tool, user: User) -> None:
    rows = json.loads(tool.run(user, "doctor", "--json").stdout)
    remedies = " ".join(row["remedy"] for row in rows.values())
    for word in ("restrict_unprivileged_userns=0", "seccomp=unconfined", "chmod u+s", "setuid", "apparmor=unconfined"):
        assert word not in remedies


@pytest.mark.parametrize("wrap", [True, False])
def test_every_attack_is_stopped(make_venv: Callable[..., Venv], wrap: bool) -> None:
    venv = make_venv(wrap=wrap)
    (venv.project / ".git").mkdir()
    venv.user.own(venv.project / ".git")
    done = venv.sandbox("doctor", "--attack", "--json", timeout=180)
    attacks = json.loads(done.stdout)["attacks"]
    assert [item for item in attacks if item["outcome"] != "stopped"] == []
    assert (done.status, done.stderr) == (0, "")
    assert len(attacks) == len(attacks_inside.ATTACKS) > 30
    assert not [name for name in os.listdir(venv.user.home) if name.startswith(".sandbox-venv-attack")]


def test_outside_the_same_attacks_come_through(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    given = {
        "secret_file": str(tmp_path / "secret"), "home": str(tmp_path.parent), "secret": "s", "marker": str(tmp_path),
        "abstract": "", "socket": "", "python": str(tmp_path / "secret"), "site": str(tmp_path), "git": str(tmp_path),
        "state": str(tmp_path),
    }  # fmt: skip
    argv = [sys.executable, attacks_inside.__file__, json.dumps(given)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "TOKEN": "s"})
    through = {name for name, _, outcome, _ in json.loads(done.stdout) if outcome == "came through"}
    assert {
        "read_a_secret_file", "list_your_home", "write_beside_it", "read_a_secret_variable", "change_the_interpreter",
        "change_packages", "change_git_hooks", "see_the_state", "gain_privileges", "make_a_set_uid_file",
        "be_without_a_filter", "type_into_your_terminal",
    } <= through  # fmt: skip


def test_attacks_are_python_3_8() -> None:
    ast.parse(Path(attacks_inside.__file__).read_text(), feature_version=(3, 8))


def test_the_status_is_for_ci(tool: Tool, user: User, tmp_path: Path) -> None:
    done = tool.run(user, "doctor", "--frobnicate")
    assert (done.status, done.stdout) == (125, "")
