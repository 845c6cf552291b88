"""A start by the plan's records without the C launcher: the same sandbox as by the plan's options, or that one."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Venv, run_as
from tests.kernel.test_c_launcher import PROBE, PYTHON_INSTEAD, normalised
from tests.support.programs import need

pytestmark = pytest.mark.kernel

BY_OPTIONS = {"VERBOSE": "1"}
"""A variable with which the Python launcher goes by the plan's options, and says so."""


@pytest.fixture(params=["native"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def see(venv: Venv, given: dict[str, str]) -> dict[str, Any]:
    found = dict(json.loads(venv.python(PROBE, "argument", given=given).check().stdout))
    for name in ("verbose", "LC_CTYPE"):
        found["environ"].pop(name, None)
    return found


def root_kind(view: dict[str, Any]) -> str:
    """Return the file system of the root: the skeleton's on disk, or a tmpfs."""
    return str(next(mount[4] for mount in view["mounts"] if mount[0] == "/"))


def skeleton(venv: Venv) -> Path:
    (found,) = venv.user.home.glob(".local/state/sandbox-venv/venvs/*/roots/*")
    return found


def test_both_ways_make_the_same_sandbox(shared_venv: Venv) -> None:
    shared_venv.python("pass").check()
    direct, options = see(shared_venv, PYTHON_INSTEAD), see(shared_venv, BY_OPTIONS)
    assert root_kind(direct) != "tmpfs"
    assert root_kind(options) == "tmpfs"
    assert normalised(direct.pop("mounts")) == normalised(options.pop("mounts"))
    assert direct == options


def test_what_a_step_of_the_records_cannot_do_the_options_do(venv: Venv) -> None:
    """A mount point is gone: nothing is said, and the program runs once."""
    venv.python("pass").check()
    (skeleton(venv) / "usr/bin/env").unlink()
    done = venv.python("print('ran')", given=PYTHON_INSTEAD).check()
    assert (done.stdout, done.stderr) == ("ran\n", "")
    assert root_kind(see(venv, PYTHON_INSTEAD)) == "tmpfs"


def test_protected_names_are_read_only_either_way(venv: Venv) -> None:
    venv.python("import os; os.makedirs('.git/hooks'); os.makedirs('below/.git'); open('free', 'w').close()")
    for given in (PYTHON_INSTEAD, BY_OPTIONS):
        for path in (".git/hooks/x", "below/.git/x", ".git/x"):
            assert "Read-only" in venv.python(f"open('{path}', 'w')", given=given).stderr
        assert "busy" in venv.python("import os; os.rename('below', 'other')", given=given).stderr
        venv.python("open('free', 'w'); open('below/free', 'w')", given=given).check()


def test_a_directory_in_tmp_is_made_in_the_sessions_own(shared_venv: Venv) -> None:
    shared_venv.python("pass").check()
    folder = Path(tempfile.mkdtemp(dir="/tmp")) / "below"
    folder.mkdir()
    (folder / "hosts").touch()
    folder.parent.chmod(0o755)
    try:
        code = "import os; print(os.getcwd(), os.listdir(), [l.split()[8] for l in open('/proc/self/mountinfo') if l.split()[4] == '/'])"
        found = {
            shared_venv.python(code, given=given, cwd=folder).check().stdout.replace("tmpfs", "")
            for given in (PYTHON_INSTEAD, BY_OPTIONS)
        }
        assert all(line.startswith(f"{folder} [] ") for line in found), found
        assert len(found) == 2, "both went by the options"
    finally:
        shutil.rmtree(folder.parent)


def test_system_calls_of_a_start_do_not_become_more(shared_venv: Venv) -> None:
    """Counted, not timed: from the launcher to the program, less what each mount takes (the plan's size varies)."""
    need("strace")
    shared_venv.python("pass").check()
    log = shared_venv.user.home / "calls"
    argv = ["strace", "-f", "-qq", "-o", str(log), *shared_venv.argv("python", "-c", "pass")]
    run_as(shared_venv.user, argv, cwd=shared_venv.project, given=PYTHON_INSTEAD).check()
    lines = [line.split(None, 1)[1] for line in log.read_text(errors="replace").splitlines()]
    first = max(at for at, line in enumerate(lines) if line.startswith("execve(") and "-IS" in line)
    end = next(at for at, line in enumerate(lines) if line.startswith("execve(") and at > first)
    calls = [line.partition("(")[0] for line in lines[first:end]]
    rest = len(calls) - 2 * calls.count("open_tree") - 4 * calls.count("mount_setattr")
    assert calls.count("pivot_root") == 1
    assert rest < 1000, rest
