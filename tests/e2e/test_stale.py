"""A plan that is no longer right is compiled anew before the program starts: by one process, whoever else waits."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Terminal, Venv

pytestmark = pytest.mark.e2e
ordinary = pytest.mark.parametrize("who", ["user"])


def state_of(venv: Venv) -> Path:
    """Return the directory of the venv's record."""
    (record,) = (venv.user.home / ".local/state/sandbox-venv/venvs").glob("*/record.json")
    return record.parent


def install_from_outside(venv: Venv) -> Path:
    (site,) = venv.path.glob("lib/python3*/site-packages")
    venv.user.write(site / "fresh.py", "VALUE = 1\n")
    return site


def touch_settings(venv: Venv) -> Path:
    path = venv.path / "pyvenv.cfg"
    venv.user.write(path, path.read_text() + "# changed\n")
    return path


def write_dotenv(venv: Venv) -> Path:
    path = venv.project / ".env"
    venv.user.write(path, "A=1\n")
    return path


def register_another(venv: Venv) -> Path:
    registry = state_of(venv).parent
    venv.user.makedirs(registry / "another")
    return registry


CHANGES: dict[str, Callable[[Venv], Path]] = {
    "a package": install_from_outside,
    "pyvenv.cfg": touch_settings,
    ".env": write_dotenv,
    "the registry": register_another,
}
"""What the user's own hands can change; the rest is in tests/unit/plan/test_compile.py."""


@ordinary
def test_what_changed_is_said_in_one_line_on_a_terminal_and_nowhere_else(venv: Venv) -> None:
    with venv.terminal("python", "-c", "print('ran')") as terminal:  # the first start compiles, or wrapping did
        assert terminal.wait().check().stdout.endswith("ran\n")
    for change in CHANGES.values():
        path = change(venv)
        with venv.terminal("python", "-c", "print('ran')") as terminal:
            screen = terminal.wait().check().stdout
        line, *rest = screen.split("\n")
        assert line == f"sandbox-venv: compiling this sandbox's plan ({path} changed)"
        assert re.sub(r"\r(\[[# ]+\]|\x1b\[K)", "", "\n".join(rest)) == "ran\n"
    with venv.terminal("python", "-c", "print('ran')") as terminal:
        assert terminal.wait().check().stdout == "ran\n"
    write_dotenv(venv)
    done = venv.python("print('ran')").check()
    assert (done.stdout, done.stderr) == ("ran\n", "")


@pytest.mark.parametrize("who", ["user"])
def test_starts_at_the_same_time_compile_once_and_the_others_use_the_result(shared_venv: Venv) -> None:
    venv = shared_venv
    folder = state_of(venv)
    (folder / "run.plan").unlink(missing_ok=True)
    terminals: list[Terminal] = []
    with (folder / "lock").open("rb") as lock, contextlib.ExitStack() as stack:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another compiler would
        for _ in range(3):
            start = venv.terminal("python", "-c", "print('ran')", given={"VERBOSE": "1"})
            terminals.append(stack.enter_context(start))
        for terminal in terminals:
            terminal.expect("waiting for another process that does the same")
            assert "Caching dependencies" not in terminal.screen
        fcntl.flock(lock, fcntl.LOCK_UN)
        screens = [terminal.wait().check().stdout for terminal in terminals]
    assert all("\nran\n" in screen for screen in screens)
    assert sum("Caching dependencies" in screen for screen in screens) == 1


@ordinary
def test_of_what_vanished_since_only_what_the_user_bound_stops_programs(make_venv: Callable[..., Venv]) -> None:
    """A library is done without; what was asked for is named, with what to do."""
    venv = make_venv(wrap=False)
    folder = venv.user.makedirs(venv.user.home / "data")
    library = venv.user.makedirs(venv.user.home / "libs") / "libown.so"
    (source,) = Path("/lib").glob(f"{os.uname().machine}-linux-gnu/libz.so.1")
    venv.user.write(library, source.read_bytes())
    venv.wrap("--lib", library, "--ro-bind", folder, folder).check()
    there = f"import os; print(os.path.exists({str(library)!r}))"
    assert venv.python(there).check().stdout == "True\n"
    library.unlink()
    assert venv.python(there).check().stdout == "False\n"
    folder.rmdir()
    done = venv.python("pass").check(125)
    assert done.stderr.splitlines()[0] == f"sandbox-venv: open {folder}: No such file or directory"
    assert "hint: " in done.stderr
    venv.user.makedirs(folder)
    venv.python("pass").check()
