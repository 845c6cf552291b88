"""``doctor``: its table and exit status, and attacks that come through nowhere but outside."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_venv.commands import attacks_inside
from sandbox_venv.commands.formats import FORMATS
from tests.harness import Tool, User, Venv, run_as

pytestmark = pytest.mark.e2e


def test_each_row_that_is_not_ok_says_what_is_lost_and_what_to_do(tool: Tool, user: User) -> None:
    done = tool.run(user, "doctor", "--json")
    data = json.loads(done.stdout)
    table = data["rows"]
    works = table["seccomp"]["ok"] and (table["native"]["ok"] or table["bwrap"]["ok"])
    assert (done.status, data["works"], data["attacks"]) == (0 if works else 1, works, None)
    for row in table.values():
        assert row["detail"]
        assert row["ok"] or (row["loss"] and row["remedy"])
    assert {"container", "overlay", "cgroup", "dbus_proxy", "c_launcher", "landlock", "tiocsti"} <= table.keys()
    text = tool.run(user, "doctor").stdout
    assert max(map(len, text.splitlines())) <= 120


def test_no_remedy_weakens_the_machine(tool: Tool, user: User) -> None:
    rows = json.loads(tool.run(user, "doctor", "--json").stdout)["rows"]
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
    assert {f"attacks[].{key}" for key in attacks[0]} <= {key.path for key in FORMATS["doctor"]}
    assert not [name for name in os.listdir(venv.user.home) if name.startswith(".sandbox-venv-attack")]


def test_outside_the_same_attacks_come_through(tool: Tool, ordinary_user: User) -> None:
    """As an ordinary user, whom the machine itself keeps from what would do harm."""
    folder = ordinary_user.makedirs(ordinary_user.home / "open")
    secret = ordinary_user.write(folder / "secret", "s")
    given = {
        "secret_file": str(secret), "home": str(folder.parent), "secret": "s", "marker": str(folder), "abstract": "",
        "socket": "", "python": str(secret), "site": str(folder), "git": str(folder), "state": str(folder),
    }  # fmt: skip
    code = "import sys; from sandbox_venv.commands.attacks_inside import main; main()"
    done = run_as(ordinary_user, [tool.python, "-c", code, json.dumps(given)], given={"TOKEN": "s"}, cwd=folder)
    through = {name for name, _, outcome, _ in json.loads(done.check().stdout) if outcome == "came through"}
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
