"""The harness itself: what it promises to other tests holds."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import Lend
from tests.harness import (
    CTRL_C,
    Terminal,
    Tool,
    User,
    make_project,
    plant_secrets,
    remove_tree,
    run_as,
    spawn_as,
    system_python,
)


def test_program_runs_as_the_user_in_an_empty_home(user: User) -> None:
    done = run_as(user, ["sh", "-c", "id -u; pwd; echo $HOME; ls -A"]).check()
    assert done.stdout.split() == [str(user.uid), str(user.home), str(user.home)]


def test_variables_of_the_session_are_the_parents_and_given_ones_are_not(user: User) -> None:
    code = "tr '\\0' '\\n' </proc/$PPID/environ | grep -c '^[AB]='; echo $A $B"
    done = run_as(user, ["sh", "-c", code], env={"A": "1"}, given={"B": "2"}).check()
    assert done.stdout.split() == ["1", "1", "2"]


def test_status_and_signal_of_the_program_come_back(user: User) -> None:
    run_as(user, ["sh", "-c", "exit 7"]).check(7)
    run_as(user, ["sh", "-c", "kill -SEGV $$"]).check(-signal.SIGSEGV)
    run_as(user, ["/nonexistent"]).check(127)


def test_input_reaches_the_program_and_streams_stay_apart(user: User) -> None:
    data = "x" * 200_000
    done = run_as(user, ["sh", "-c", "wc -c; echo error >&2"], input=data).check()
    assert (done.stdout.strip(), done.stderr.strip()) == (str(len(data)), "error")


def test_signal_reaches_the_program_itself(user: User) -> None:
    process = spawn_as(user, ["sleep", "60"])
    process.signal(signal.SIGTERM)
    process.wait(10).check(-signal.SIGTERM)


def test_program_that_hangs_is_killed_and_reported(user: User) -> None:
    with pytest.raises(AssertionError, match="no end within"):
        run_as(user, ["sleep", "60"], timeout=0.3)


def test_terminal_is_the_controlling_one_and_keys_are_signals(user: User) -> None:
    with Terminal(user, ["sh", "-c", "tty </dev/tty; stty size; echo ready; exec sleep 60"], size=(30, 90)) as terminal:
        terminal.expect("^/dev/tty$")
        terminal.expect("^30 90$")
        terminal.expect("ready")
        terminal.send(CTRL_C)
        terminal.wait(10).check(-signal.SIGINT)


def test_secrets_are_the_users_alone(user: User) -> None:
    planted = plant_secrets(user)
    for path, text in planted.items():
        assert text in path.read_text()
        assert path.stat().st_uid == user.uid
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_ordinary_user_has_no_groups_and_no_capabilities(ordinary_user: User) -> None:
    done = run_as(ordinary_user, ["sh", "-c", "id -G; grep CapEff /proc/self/status"]).check()
    assert done.stdout.split() == [str(ordinary_user.gid), "CapEff:", "0" * 16]


def test_copied_venv_is_what_python_makes_there(tool: Tool, user: User) -> None:
    path = make_project(tool, user, "native", first=True).path
    copied = contents(path)
    remove_tree(path)
    run_as(user, [system_python(), "-m", "venv", "--without-pip", path]).check()
    assert copied == contents(path)


def contents(top: Path) -> dict[str, object]:
    """Return what is below a directory: owner, mode, and text or target."""
    found: dict[str, object] = {}
    for path in top.rglob("*"):
        status = path.lstat()
        text = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(top))] = status.st_uid, status.st_gid, status.st_mode, text
    return found


def test_a_venv_that_is_lent_is_as_it_was_or_another(lend: Lend) -> None:
    with lend("user", "native") as one:
        one.user.write(one.project / ".env", "A=1\n")
        one.user.write(one.user.home / ".config/x", "x")
        one.python("open(__import__('os').path.expanduser('~/left'), 'w')").check()
    with lend("user", "native") as two:
        assert two.path == one.path
        assert os.listdir(two.project) == [".venv"]
        assert sorted(os.listdir(two.user.home)) == [".local", two.project.name]
        assert "left" not in os.listdir(two.home)
        assert two.python("import os; print(os.environ.get('A'))").check().stdout == "None\n"
        os.utime(two.bin / "python", (0, 0))
    with lend("user", "native") as three:
        assert three.path != two.path
        assert not two.project.exists()
