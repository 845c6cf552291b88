"""The habits of the shell tool that this project started from: what its users' scripts rely on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness import FEATURES, Result, Tool, User, Venv, make_project, run_as

pytestmark = pytest.mark.e2e

VERBOSE = {"VERBOSE": "1"}


@pytest.fixture
def plain(tool: Tool, user: User, backend: str) -> Venv:
    """A project with a plain venv named .venv."""
    tool.require(user, *FEATURES[backend])
    return make_project(tool, user, backend, name="project")


@pytest.fixture
def seeds_form(plain: Venv) -> Callable[..., Result]:
    """`sandbox-venv .venv OPTIONS` in the project, on this test's backend."""

    def wrap(*options: str) -> Result:
        return plain.sandbox(".venv", "--backend", plain.backend, *options).check()

    return wrap


@pytest.mark.registry
@pytest.mark.slow
def test_smoke_in_an_activated_venv(tool: Tool, user: User, backend: str) -> None:
    tool.require(user, *FEATURES[backend])
    project = user.makedirs(user.home / "project")
    script = f"""
        set -eu
        export VERBOSE=1
        /usr/bin/python3 -m venv .venv
        . .venv/bin/activate
        {tool.command} .venv --backend {backend}
        python -c 'import os; print(os.listdir())' 2>error.txt
        grep -q 'sandbox-venv/wrapper: exec bwrap' error.txt
        pip freeze --all | grep -q ==
        pip install -U pip
        shell -c 'echo OK'
        python -c 'print("still works")'
    """
    done = run_as(user, ["bash", "-c", script], cwd=project, timeout=240).check()
    assert ".venv" in done.stdout
    assert "OK\nstill works\n" in done.stdout


def test_options_when_wrapping_are_bubblewraps(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form("--ro-bind", "/etc/os-release", "/file")
    assert "PRETTY_NAME=" in plain.python("print(open('/file').read())").check().stdout


def test_bwrap_args_win_over_the_options_when_wrapping(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form("--ro-bind", "/etc/os-release", "/file")
    given = {"BWRAP_ARGS": "--ro-bind /etc/passwd /file"}
    assert "root:" in plain.python("print(open('/file').read())", given=given).check().stdout


def test_bwrap_args_are_split_at_newlines_where_there_are_some(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form()
    plain.user.write(plain.user.home / "a file", "spaces\n")
    given = {"BWRAP_ARGS": f"--ro-bind\n{plain.user.home}/a file\n/a file"}
    assert plain.python("print(open('/a file').read())", given=given).check().stdout.strip() == "spaces"


def test_bwrap_args_may_show_the_whole_machine(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form()
    given = {"BWRAP_ARGS": "--ro-bind / /"}
    assert plain.python("import os; print(os.path.isdir('/usr/share'))", given=given).check().stdout == "True\n"


def test_variable_given_to_one_process_is_seen_inside(shared_venv: Venv) -> None:
    done = shared_venv.run("shell", "-c", "set -u; echo $FOOBAR", given={"FOOBAR": "1"}).check()
    assert done.stdout == "1\n"


def test_variable_of_the_session_is_not_seen_inside(shared_venv: Venv) -> None:
    done = shared_venv.run("shell", "-c", "echo ${FOOBAR-unset}", env={"FOOBAR": "1"}).check()
    assert done.stdout == "unset\n"


def test_dotenv_is_seen_inside(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form()
    plain.user.write(plain.project / ".env", "FOOBAR_DOTENV=1\n")
    done = plain.run("shell", "-c", "set -u; echo $FOOBAR_DOTENV $PWD").check()
    assert done.stdout == f"1 {plain.project}\n"
    assert plain.run("shell", "-c", "set -u; echo $NONEXISTENT").status != 0


def test_home_inside_is_the_venvs(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form()
    plain.run("shell", "-c", "echo text >$HOME/foobar").check()
    assert (plain.path / "home" / "foobar").read_text() == "text\n"
    assert not (plain.user.home / "foobar").exists()


def test_wrapping_again_takes_new_options(plain: Venv, seeds_form: Callable[..., Result]) -> None:
    seeds_form()
    seeds_form("--setenv", "FOOBAR", "1")
    done = plain.run("shell", "-c", "echo $FOOBAR", env=VERBOSE).check()
    assert done.stdout == "1\n"
    assert "--setenv FOOBAR" in done.stderr


def test_first_start_caches_dependencies_and_the_second_does_not(plain: Venv) -> None:
    plain.sandbox().check()
    words = ("python", "-c", "pass")
    first = plain.run(*words, env=VERBOSE).check()
    assert "Caching dependencies" in first.stderr
    assert (plain.path / "sandbox" / "sandbox-venv.cache").exists()
    assert "Caching dependencies" not in plain.run(*words, env=VERBOSE).check().stderr


def test_verbose_says_how_many_system_calls_are_allowed(shared_venv: Venv) -> None:
    done = shared_venv.run("python", "-c", "import os", env=VERBOSE).check()
    assert "sandbox-venv/seccomp: allowing" in done.stderr
    assert done.stdout == ""


def test_nothing_is_said_without_verbose(shared_venv: Venv) -> None:
    done = shared_venv.run("python", "-c", "import os").check()
    assert (done.stdout, done.stderr) == ("", "")
