"""Wrapping real venvs of each maker through the command line, as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import FEATURES, IS_ROOT, Result, Tool, User, Venv, make_project, run_as, system_python
from tests.support.process import Argument
from tests.support.venvs import give_state
from tests.unit.venv.trees import Snapshot, snapshot

pytestmark = pytest.mark.e2e

Make = Callable[[Venv], None]


def standard(*options: str) -> Make:
    def make(venv: Venv) -> None:
        words: list[Argument] = [system_python(), "-m", "venv", "--without-pip", *options, venv.path]
        run_as(venv.user, words, cwd=venv.project, timeout=120).check()

    return make


def foreign(module: str, *words: str) -> Make:
    """Make a venv by a tool from the registry, in an environment of its own."""

    def make(venv: Venv) -> None:
        place = Path(venv.tool.base.once(f"maker-{module}", lambda: str(_install(venv.tool, module))))
        env = {"PYTHONPATH": place, "UV_CACHE_DIR": venv.user.home / "uv", "UV_PYTHON_DOWNLOADS": "never"}
        command: list[Argument] = [system_python(), "-m", module, *words, venv.path]
        run_as(venv.user, command, cwd=venv.project, env=env, timeout=120).check()

    return make


def _install(tool: Tool, module: str) -> Path:
    place = tool.base.path / f"maker-{module}"
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "install", "--target", place, module], check=True)
    return place


MAKERS = {
    "venv": standard(),
    "copies": standard("--copies"),
    "system-site-packages": standard("--system-site-packages"),
}
REGISTRY_MAKERS = {
    "virtualenv": foreign("virtualenv", "--no-download", "--activators", "bash,fish,cshell,nushell,python"),
    "uv": foreign("uv", "venv", "--python", system_python()),
}


@pytest.fixture(
    params=[*MAKERS, *(pytest.param(name, marks=pytest.mark.registry) for name in REGISTRY_MAKERS)],
)
def plain(request: pytest.FixtureRequest, tool: Tool, user: User) -> Venv:
    """A plain venv of one maker; the backend is the tool's choice."""
    tool.require(user, *FEATURES["native"])
    project = user.makedirs(user.home / "my project")
    venv = Venv(tool, user, "auto", project, project / ".venv")
    (MAKERS | REGISTRY_MAKERS)[request.param](venv)
    give_state(venv)
    return venv


def without_byte_code(found: Snapshot) -> Snapshot:
    """Return a snapshot without what wrapping compiled, as Python itself would have: that stays."""
    return {name: item for name, item in found.items() if "__pycache__" not in name}


def test_wrapped_runs_and_unwrapped_is_what_it_was(plain: Venv) -> None:
    before = without_byte_code(snapshot(plain.path))
    plain.wrap().check()
    done = plain.python("import sys; print(sys.prefix, sys.executable, open('/proc/1/comm').read())").check()
    assert done.stdout.startswith(f"{plain.path} {plain.bin}/python")
    plain.sandbox("unwrap").check()
    assert without_byte_code(snapshot(plain.path)) == before
    assert not any((plain.user.home / ".local" / "state" / "sandbox-venv" / "venvs").iterdir())


@pytest.fixture
def project(tool: Tool, user: User) -> Venv:
    tool.require(user, *FEATURES["native"])
    return make_project(tool, user, "auto")


def test_what_cannot_be_wrapped_is_one_line_a_hint_and_125(project: Venv) -> None:
    user = project.user
    state = user.home / ".local"
    shutil.rmtree(state)
    (user.makedirs(user.home / "plain") / "file").touch()
    before = snapshot(user.home)
    for words, text in (
        (["wrap", "none"], "it isn't there"),
        (["wrap", user.home / "plain"], "isn't a virtual environment"),
        (["wrap", project.path, "--project", user.home], "home directory"),
        (["wrap", project.path, "--project", "/"], "home directory"),
        (["wrap", project.path, "--project", user.home / "none"], "it isn't there"),
        (["wrap", project.path, "--project", user.home / "plain" / "file"], "isn't a directory"),
        (["wrap", project.path, "--tmpfs", "a\nb"], "absolute path"),
        (["wrap", project.path, "--bind", "/a"], "takes 2 arguments"),
        (["run", "--project", user.home / "plain" / "new\nline", "--", "true"], "new\\nline"),
        (["unwrap", project.path], "isn't wrapped"),
    ):
        done = project.sandbox(*words).check(125)
        lines = done.stderr.splitlines()
        assert [line.split(":")[0] for line in lines] == ["sandbox-venv", "hint"], done
        assert text in lines[0]
    shutil.rmtree(state, ignore_errors=True)
    assert snapshot(user.home) == before


def test_state_directory_gone_is_said_and_wrapping_again_mends_it(project: Venv) -> None:
    before = snapshot(project.path)
    project.wrap().check()
    shutil.rmtree(project.user.home / ".local")
    done = project.python("print(1)").check(125)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["sandbox-venv", "hint"]
    project.wrap().check()
    assert project.python("print(1)").check().stdout == "1\n"
    project.sandbox("unwrap").check()
    after = snapshot(project.path)
    assert {name: item[:2] for name, item in after.items()} == {name: item[:2] for name, item in before.items()}


def test_launchers_of_another_state_directory_are_not_taken_for_programs(project: Venv) -> None:
    other = {"XDG_STATE_HOME": project.user.makedirs(project.user.home / "other", 0o700)}
    project.wrap(env=other).check()
    shutil.rmtree(project.path / "sandbox")
    before = snapshot(project.path)
    done = project.wrap().check(125)
    assert "is a launcher, and its original in sandbox/bin is gone" in done.stderr
    assert snapshot(project.path) == before


def test_base_interpreter_gone_is_said(project: Venv) -> None:
    before = sorted(os.listdir(project.path))
    (project.path / "pyvenv.cfg").write_text("home = /opt/gone/bin\nversion = 3.11.2\n")
    for name in ("python", "python3"):
        (project.bin / name).unlink()
        (project.bin / name).symlink_to("/opt/gone/bin/python3.11")
    done = project.wrap().check(125)
    assert "base interpreter '/opt/gone/bin/python3.11' is gone" in done.stderr
    assert "python3 -m venv --clear" in done.stderr
    assert sorted(os.listdir(project.path)) == before


@pytest.mark.skipif(not IS_ROOT, reason="only root can make what another user owns")
def test_root_does_not_wrap_an_ordinary_users_venv(tool: Tool, ordinary_user: User) -> None:
    venv = make_project(tool, ordinary_user, "auto", first=True)
    before = snapshot(ordinary_user.home)
    root_home = tool.base.path / "root-home"
    root_home.mkdir(exist_ok=True)
    root = User("root", 0, 0, root_home)
    done = tool.run(root, "wrap", venv.path).check(125)
    assert f"belongs to uid {ordinary_user.uid}" in done.stderr
    assert snapshot(ordinary_user.home) == before


@pytest.mark.skipif(not IS_ROOT, reason="mounts a small file system")
def test_full_disk_leaves_the_venv_plain(tool: Tool) -> None:
    disk = tool.base.path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0755", "none", disk], check=True)
    try:
        home = tool.base.path / "full-home"
        home.mkdir()
        user = User("root", 0, 0, home)
        words: list[Argument] = [system_python(), "-m", "venv", "--without-pip", disk / "project" / ".venv"]
        run_as(user, words, cwd=disk).check()
        script = disk / "project" / ".venv" / "bin" / "activate.big"
        script.write_bytes(b"x" * 300_000)
        fill = disk / "fill"
        with fill.open("wb", buffering=0) as file:
            file.write(b"x" * 2_500_000)
        before = snapshot(disk / "project")
        done = tool.run(user, "wrap", disk / "project" / ".venv").check(125)
        assert "No space left on device" in done.stderr
        assert "nothing was changed" in done.stderr
        assert snapshot(disk / "project") == before
        fill.unlink()
        tool.run(user, "wrap", disk / "project" / ".venv").check()
        tool.run(user, "unwrap", disk / "project" / ".venv").check()
        assert snapshot(disk / "project") == before
    finally:
        subprocess.run(["umount", disk], check=True)


def fill_up(folder: Path) -> None:
    """Leave no byte free on the file system of ``folder``."""
    with (folder / "fill").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def check_full(done: Result) -> None:
    line, hint = done.check(125).stderr.splitlines()
    assert done.stdout == ""
    assert line.startswith("sandbox-venv: "), done
    assert "No space left on device" in line
    assert hint == "hint: make room on that disk and try again; nothing was changed"


@pytest.mark.skipif(not IS_ROOT, reason="mounts a small file system")
def test_full_state_disk_is_said_and_what_needs_no_room_goes_on(tool: Tool, ordinary_user: User, backend: str) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend, first=True)
    before = snapshot(venv.path)
    disk = ordinary_user.makedirs(ordinary_user.home / "state", 0o700)
    options = f"size=8m,mode=0700,uid={ordinary_user.uid},gid={ordinary_user.gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], check=True)
    env = {"XDG_STATE_HOME": disk}
    try:
        fill_up(disk)
        check_full(venv.wrap(env=env))
        assert snapshot(venv.path) == before
        (disk / "fill").unlink()
        venv.wrap(env=env).check()
        fill_up(disk)
        check_full(venv.python("print(1)"))  # the first start compiles
        (disk / "fill").unlink()
        assert venv.python("print(1)").check().stdout == "1\n"
        fill_up(disk)
        assert venv.python("print(1)").check().stdout == "1\n"  # the plan is there
        os.utime(next(disk.glob("sandbox-venv/venvs/*/record.json")))
        check_full(venv.python("print(1)"))  # a stale one is not used instead
        check_full(venv.sandbox("run", "--unshare-net", "--", "python", "-c", "print(1)", env=env))
        done = venv.sandbox("run", "--", "python", "-c", "print(1)").check(125)  # without XDG_STATE_HOME
        assert "it was wrapped with another state directory" in done.stderr
        venv.sandbox("unwrap", env=env).check()  # needs none
        assert snapshot(venv.path) == before
    finally:
        subprocess.run(["umount", disk], check=True)
