"""What is published builds from a clean checkout, and holds what is needed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from sandbox_venv import __version__
from sandbox_venv.venv.executable import EXECUTABLE as LAUNCHER
from tests.harness import ROOT, Tool, User, make_environment, run_as

pytestmark = pytest.mark.e2e


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What git knows of this tree, as it lies here: no other files."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        target = tmp_path / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return tmp_path / "checkout"


def test_tool_is_run_from_its_wheel(tool: Tool, user: User) -> None:
    done = run_as(user, [tool.python, "-I", "-c", "import sandbox_venv; print(sandbox_venv.__file__)"]).check()
    assert done.stdout.startswith(str(tool.path))


def test_tool_says_its_version(tool: Tool, user: User) -> None:
    done = tool.run(user, "--version").check()
    assert done.stdout.split()[-1][0].isdigit()


def build(target: str, tree: Path, dist: Path, **env: str) -> Path:
    words = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(dist)]
    before = set(dist.glob("*"))
    subprocess.run(words, cwd=tree, check=True, env={**os.environ, **env})
    (made,) = set(dist.glob("*")) - before
    return made


def test_sdist_and_wheels_hold_what_they_should_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    sdist = build("sdist", checkout, dist)
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    tree = tmp_path / sdist.name.removesuffix(".tar.gz")
    files = {str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file()}
    held = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert held - files == {"PKG-INFO"}
    assert {name for name in files - held if not name.startswith(".")} == set()
    package = {name for name in files if name.startswith("sandbox_venv/")}
    assert {"sandbox_venv/py.typed", "sandbox_venv/policy/config.schema.json"} <= package
    for env, tag, launcher in (({"SANDBOX_VENV_PURE": "1"}, "-py3-none-any.whl", set()), ({}, "", {LAUNCHER})):
        if env or shutil.which("cc"):
            wheel = build("wheel", tree, dist, **env)
            assert wheel.name.endswith(tag or f".musllinux_1_1_{platform.machine()}.whl")
            check_wheel(wheel, package | launcher)


def check_wheel(wheel: Path, package: set[str]) -> None:
    """Compare a wheel's files, and what it says of itself, with the tree."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        rest = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
        page = info.replace(".dist-info", ".data/data/share/man/man1/sandbox-venv.1")
        assert names == package | {f"{info}/{name}" for name in rest} | {page}
        assert archive.read(f"{info}/entry_points.txt") == b"[console_scripts]\nsandbox-venv = sandbox_venv.cli:main\n"
        said = message_from_bytes(archive.read(f"{info}/METADATA"))
        assert (said["Name"], said["Version"], said["License-Expression"]) == ("sandbox-venv", __version__, "MIT")
        assert said["Description-Content-Type"] == "text/markdown"


@pytest.mark.registry
@pytest.mark.slow
def test_the_wheel_of_the_sdist_of_a_clean_checkout_installs(checkout: Path, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    sdist = build("sdist", checkout, dist)
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    wheel = build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"), dist)
    environment = make_environment(tmp_path / "environment", wheel)
    subprocess.run([environment / "bin" / "sandbox-venv", "--version"], check=True)
