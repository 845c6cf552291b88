"""Configuration files and what they do to real sessions; trust."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness import BACKENDS, Terminal, Venv, run_as
from tests.support.process import Argument

pytestmark = pytest.mark.e2e

LOOK = (
    "import json, os; print(json.dumps({'net': open('/proc/net/dev').read().count(':'), 'mode': os.environ.get('MODE'), "
    "'docs': os.access('docs', os.W_OK), 'srv': os.path.exists('/srv'), 'hidden': os.listdir('hidden')}))"
)


@pytest.fixture
def backend() -> str:
    return "native"


def look(venv: Venv, **more: object) -> dict[str, object]:
    return dict(json.loads(venv.python(LOOK, **more).check().stdout))


EXPLAIN = """
import json, sys
from sandbox_venv.api import compile_policy, explain
policy = compile_policy(sys.argv[1])
both = [explain(policy), explain(policy, "python3")]
print(json.dumps([[one["own_settings"], one["entry"], one["enforced"][1]["in_force"]] for one in both]))
"""


def settle(venv: Venv, text: str) -> None:
    venv.user.write(venv.project / "pyproject.toml", f"[tool.sandbox-venv]\n{text}")


def test_settings_tighten_at_once_and_loosen_when_trusted(venv: Venv) -> None:
    for name in ("docs", "hidden"):
        venv.user.makedirs(venv.project / name)
    venv.user.write(venv.project / "hidden/x", "x")
    before = look(venv)
    assert (before["docs"], before["srv"], before["hidden"]) == (True, False, ["x"])
    settle(venv, 'network = false\nprotect = ["docs"]\nhide = ["hidden"]\nread-only = ["/srv"]\nenv.set.MODE = "x"\n')
    tight: dict[str, object] = {"net": 1, "mode": None, "docs": False, "srv": False, "hidden": []}
    assert look(venv) == tight
    said = venv.python("pass").stderr
    assert said == "", "the warning comes with a compile, not with each start"
    assert "no terminal to ask on" in venv.sandbox("trust").stderr
    assert look(venv) == tight
    done = venv.sandbox("trust", "--yes").check()
    assert "+ loosens   read-only = /srv" in done.stdout
    assert look(venv) == {**tight, "mode": "x", "srv": True}
    settle(venv, 'network = true\nread-write = ["/"]\n')
    done = venv.python(LOOK).check()
    assert json.loads(done.stdout) == {**tight, "mode": None}
    assert "pyproject.toml loosens the sandbox (network, read-write): ignored" in done.stderr


def test_options_of_a_call_win_over_settings(venv: Venv) -> None:
    for name in ("docs", "hidden"):
        venv.user.makedirs(venv.project / name)
    shared = look(venv)["net"]
    settle(venv, "network = false")
    assert look(venv)["net"] == 1
    assert look(venv, env={"BWRAP_ARGS": "--share-net"})["net"] == shared
    venv.wrap("--share-net").check()
    assert look(venv)["net"] == shared


def test_the_users_own_settings_count_for_every_venv(venv: Venv) -> None:
    for name in ("docs", "hidden"):
        venv.user.makedirs(venv.project / name)
    config = venv.user.home / ".config/sandbox-venv/config.toml"
    venv.user.makedirs(config.parent)
    venv.user.write(config, 'env.set.MODE = "own"\n')
    assert look(venv)["mode"] == "own"
    status = json.loads(venv.sandbox("status", "--json").check().stdout)
    assert {"option": "--setenv MODE own", "from": str(config)} in status["options"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_entry_point_has_settings_of_its_own(venv: Venv) -> None:
    code = "import os; print(open('/proc/net/dev').read().count(':'), os.path.exists('/srv'))"
    shared = venv.python(code).check().stdout.split()[0]
    settle(venv, '[tool.sandbox-venv.entry.python3]\nnetwork = false\nread-only = ["/srv"]\n')
    assert venv.python(code).check().stdout == f"{shared} False\n"
    done = venv.run("python3", "-c", code).check()
    assert (done.stdout, done.stderr.count("(read-only): ignored")) == ("1 False\n", 1)
    venv.sandbox("trust", "--yes").check()
    for given in ({}, {"verbose": ""}):  # the latter is Python's, where there is a C launcher
        assert venv.run("python3", "-c", code, given=given).check().stdout == "1 True\n"
        assert venv.python(code, given=given).check().stdout == f"{shared} False\n"
    assert venv.sandbox("run", "--", "python3", "-c", code).check().stdout == "1 True\n"
    assert venv.sandbox("run", "--", "python", "-c", code).check().stdout == f"{shared} False\n"
    for words, seen in (([], "not visible"), (["--", "python3"], "visible, read-only")):
        assert f"/srv: {seen}\n" in venv.sandbox("why", "/srv", *words).check().stdout
    status = json.loads(venv.sandbox("status", "--json").check().stdout)
    assert status["options"][-1]["from"] == f"{venv.project}/pyproject.toml, python3 alone"
    done = run_as(venv.user, [venv.tool.python, "-I", "-c", EXPLAIN, venv.path], cwd=venv.project).check()
    assert json.loads(done.stdout) == [[["python3"], [], False], [["python3"], ["python3"], True]]


def test_an_unknown_key_stops_the_start_with_the_nearest_name(venv: Venv) -> None:
    settle(venv, "netwrok = false")
    done = venv.python("pass")
    assert done.status == 125
    assert "unknown key 'netwrok'" in done.stderr
    assert "did you mean 'network'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_a_terminal_trust_asks_and_colours_unless_told_not_to(venv: Venv) -> None:
    settle(venv, 'libs = ["libz.so.1"]\n')
    argv: list[Argument] = [venv.tool.command, "trust"]
    with Terminal(venv.user, argv, cwd=venv.project, env={"TERM": "xterm"}) as terminal:
        terminal.expect(r"\x1b\[33mloosens")
        terminal.expect("Accept all of this as it is now")
        terminal.send("n\n")
        terminal.expect("nothing was accepted")
        assert terminal.wait().status == 1
    with Terminal(venv.user, argv, cwd=venv.project, env={"TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        terminal.expect("Accept all of this as it is now")
        terminal.send("y\n")
        terminal.expect("trusted as it is now")
        done = terminal.wait()
    assert done.status == 0
    assert "\x1b[3" not in done.stdout


def test_status_says_where_options_come_from_and_what_is_ignored(venv: Venv) -> None:
    settle(venv, 'network = false\nlibs = ["libz.so.1"]\n')
    venv.user.write(venv.project / ".env", "BWRAP_ARGS=--new-session\nPLAIN=1\n")
    shared, dotenv = str(venv.project / "pyproject.toml"), str(venv.project / ".env")
    data = json.loads(venv.sandbox("status", "--json").check().stdout)
    assert data["options"] == [{"option": "--unshare-net", "from": shared}]
    assert data["ignored"] == [
        {"option": "libs = libz.so.1", "from": shared},
        {"option": "BWRAP_ARGS=--new-session", "from": dotenv},
    ]
    venv.sandbox("trust", "--yes").check()
    data = json.loads(venv.sandbox("status", "--json", env={"SANDBOX_ENV": "A"}).check().stdout)
    assert data["ignored"] == []
    assert [item["from"] for item in data["options"]] == [shared, shared, dotenv, "this shell's environment"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bind_of_the_project_or_above_it_shows_what_is_there(venv: Venv) -> None:
    above = venv.user.makedirs(venv.project.parent / "more")
    venv.user.write(venv.project / "file", "x")
    venv.user.write(above / "file", "x")
    code = "import os; print(os.path.exists('file'), os.access('file', os.W_OK), os.access('.venv', os.W_OK))"
    bind = f"--ro-bind {venv.project} {venv.project}"
    assert venv.python(code, env={"BWRAP_ARGS": bind}).check().stdout == "True False False\n"
    bind = f"--bind {venv.project} {venv.project}"
    assert venv.python(code, env={"BWRAP_ARGS": bind}).check().stdout == "True True False\n"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bind_of_a_directory_between_home_and_project(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(name="code/deep/proj")
    for folder in (venv.project, venv.project.parent, venv.project.parents[1]):
        venv.user.write(folder / "file", "x")
    for folder, access in ((venv.project.parent, "--bind"), (venv.project.parents[1], "--ro-bind")):
        path = folder / "file"
        code = f"import os; print(open({str(path)!r}).read(), os.access({str(path)!r}, os.W_OK), os.access('file', os.W_OK))"
        done = venv.python(code, env={"BWRAP_ARGS": f"{access} {folder} {folder}"}).check()
        assert done.stdout == f"x {access == '--bind'} True\n"
