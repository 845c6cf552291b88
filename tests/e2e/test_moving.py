"""A venv that was moved, copied, made anew, or kept elsewhere; and every shell's activation."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.harness import Venv, make_project, run_as
from tests.unit.venv.trees import snapshot

pytestmark = pytest.mark.e2e

CODE = 'python -c "import os; print(os.getpid() < 9)"'
SHELLS = {
    "sh": ". .venv/bin/activate",
    "bash": ". .venv/bin/activate",
    "zsh": ". .venv/bin/activate",
    "fish": ". .venv/bin/activate.fish",
    "csh": 'set prompt="> "\nsource .venv/bin/activate.csh',
}


FOUND = [name for name in SHELLS if shutil.which(name)]


@pytest.mark.parametrize(
    ("shell", "backend"),
    [
        ("sh", "bwrap"),
        *((name, "native") for name in FOUND),
        *(pytest.param(name, "bwrap", marks=pytest.mark.full) for name in FOUND if name != "sh"),
    ],
)
def test_each_shell_activates_and_deactivates_the_sandbox(make_venv: Callable[..., Venv], shell: str) -> None:
    """Without the tool on PATH; what a shell does is the same on both backends, so most of bwrap's are for `make test-all`."""
    venv = make_venv(wrap=False)
    before = snapshot(venv.path)
    venv.wrap().check()
    venv.user.write(venv.project / "script", f"{SHELLS[shell]}\n{CODE}\ndeactivate_sandbox\n{CODE}\n")
    done = run_as(venv.user, [shell, "script"], cwd=venv.project).check()
    assert done.stdout.split() == ["True", "False"], done
    assert snapshot(venv.path) == before


def test_a_moved_or_copied_venv_says_how_to_mend_it(venv: Venv) -> None:
    copy = venv.project / "copy"
    shutil.copytree(venv.path, copy, symlinks=True)
    venv.user.own_tree(copy)
    done = run_as(venv.user, [copy / "bin" / "python", "-c", "print(1)"], cwd=venv.project).check(125)
    assert (done.stdout, done.stderr.count("\n"), "make it anew" in done.stderr) == ("", 2, True)
    shutil.rmtree(copy)
    moved = venv.path.rename(venv.project / "moved")
    done = run_as(venv.user, [moved / "bin" / "python", "-c", "print(1)"], cwd=venv.project).check(125)
    assert (done.stdout, done.stderr.count("\n"), "make it anew" in done.stderr) == ("", 2, True)
    moved.rename(venv.path)
    assert venv.python("print(1)").check().stdout == "1\n"


def test_a_venv_made_anew_is_wrapped_again(venv: Venv) -> None:
    shutil.rmtree(venv.path)
    run_as(venv.user, ["python3", "-m", "venv", "--without-pip", venv.path], cwd=venv.project).check()
    assert "not wrapped: it was made anew" in venv.sandbox("status", venv.path).check(1).stdout
    venv.wrap().check()
    assert venv.python("print(1)").check().stdout == "1\n"


@pytest.mark.parametrize("who", ["user"])
def test_a_venv_in_a_central_store_serves_a_project(venv: Venv) -> None:
    stored = make_project(venv.tool, venv.user, venv.backend, name="store", venv="one")
    stored.wrap("--project", venv.project).check()
    stored.run("python", "-c", "open('made', 'w')", cwd=venv.project).check()
    assert (venv.project / "made").exists()
