"""``python /somewhere/outside/script.py``: the file that the caller names is visible, read-only, that file alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import IS_ROOT, User, Venv

pytestmark = pytest.mark.e2e

SHOW = "import os, sys; print(__file__, sys.argv[1:], sorted(os.listdir(os.path.dirname(__file__) or '.')))\n"


PLACES = pytest.mark.parametrize("folder", ["outside-home", "in-home", "below-home"], indirect=True)


@pytest.fixture(params=["below-home"])
def folder(request: pytest.FixtureRequest, shared_venv: Venv) -> Iterator[Path]:
    """A directory outside the project, with two files in it."""
    user = shared_venv.user
    if request.param == "outside-home":
        path = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="svtest-"))
        user.own(path)
    else:
        path = user.home if request.param == "in-home" else user.makedirs(user.home / "scripts" / "deep")
    user.write(path / "helper.py", "VALUE = 1\n")
    yield path
    if request.param == "outside-home":
        shutil.rmtree(path)


def named(shared_venv: Venv, folder: Path, text: str) -> Path:
    return shared_venv.user.write(folder / f"script-{shared_venv.backend}.py", text)


@PLACES
def test_it_is_visible_and_what_lies_beside_it_is_not(shared_venv: Venv, folder: Path) -> None:
    script = named(shared_venv, folder, SHOW)
    done = shared_venv.run("python", "-X", "utf8", script, "a b").check()
    assert done.stdout.startswith(f"{script} ['a b'] [")
    assert "helper.py" not in done.stdout
    assert done.stderr == ""


def test_a_relative_path_is_taken_from_the_callers_directory(shared_venv: Venv, folder: Path) -> None:
    script = named(shared_venv, folder, SHOW)
    done = shared_venv.run("python", script.name, cwd=folder).check()
    assert "helper.py" not in done.stdout
    above = os.path.relpath(script, shared_venv.project)
    assert shared_venv.run("python", above).check().stdout.startswith(f"{shared_venv.project}/{above} ")


def test_it_is_read_only(shared_venv: Venv, folder: Path) -> None:
    script = named(shared_venv, folder, "open(__file__, 'w')\n")
    done = shared_venv.run("python", script).check(1)
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr
    assert script.read_text() == "open(__file__, 'w')\n"


@PLACES
def test_what_it_needs_besides_is_named_in_a_hint(shared_venv: Venv, folder: Path) -> None:
    script = named(shared_venv, folder, "import helper; print(helper.VALUE)\n")
    done = shared_venv.run("python", script).check(1)
    assert "ModuleNotFoundError" in done.stderr
    option = f"--ro-bind {folder} {folder}"
    assert done.stderr.splitlines()[-1] == (
        f"hint: of {folder} only {script.name} is visible inside; to show the rest: BWRAP_ARGS='{option}'"
    )
    if folder != shared_venv.user.home:
        assert shared_venv.run("python", script, given={"BWRAP_ARGS": option}).check().stdout == "1\n"


def test_a_data_file_that_is_not_visible_is_named_in_a_hint(shared_venv: Venv, folder: Path) -> None:
    data = folder / "helper.py"
    done = shared_venv.python("import sys; open(sys.argv[1])", data).check(1)
    assert done.stderr.splitlines()[-1].startswith(f"hint: {data} isn't visible inside; to show it: BWRAP_ARGS=")


def test_run_without_a_wrapped_venv_shows_it_too(shared_venv: Venv, folder: Path) -> None:
    script = named(shared_venv, folder, SHOW)
    done = shared_venv.sandbox("run", "--backend", shared_venv.backend, "--", "python", script).check()
    assert done.stdout.startswith(f"{script} ")


def test_a_link_is_not_followed(shared_venv: Venv, folder: Path) -> None:
    target = shared_venv.user.write(folder / "target.py", "print('followed')\n")
    link = folder / f"link-{shared_venv.backend}.py"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    done = shared_venv.run("python", link).check(2)
    assert "followed" not in done.stdout
    assert "a link leads to it" in done.stderr.splitlines()[-1]


@PLACES
@pytest.mark.skipif(not IS_ROOT, reason="only root can make a file of another owner")
def test_a_file_of_another_owner_is_not_shown(shared_venv: Venv, folder: Path, ordinary_user: User) -> None:
    script = named(shared_venv, folder, "print('shown')\n").rename(folder / f"theirs-{shared_venv.backend}.py")
    if folder == shared_venv.user.home:
        (shared_venv.home / script.name).touch()  # as an earlier session left it
    stranger = 65534 if not shared_venv.user.is_root else ordinary_user.uid
    os.chown(script, stranger, stranger)
    if folder == shared_venv.user.home:
        assert "another user's" in shared_venv.run("python", script).check(125).stderr
        return
    done = shared_venv.run("python", script).check(2)
    assert "neither yours nor root's" in done.stderr


@pytest.mark.parametrize("words", [("-c", "print('code')", "file.py"), ("-m", "this"), ("-",), ()])
def test_no_file_is_taken_for_one(shared_venv: Venv, words: tuple[str, ...]) -> None:
    assert shared_venv.run("python", *words, input="pass").check().stderr == ""
