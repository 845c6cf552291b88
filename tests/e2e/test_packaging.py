"""What is published builds from a clean checkout, and holds what is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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


@pytest.mark.registry
@pytest.mark.slow
def test_wheel_from_the_sdist_of_a_clean_checkout_is_complete_and_installs(checkout: Path, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", dist], cwd=checkout, check=True)
    (sdist,) = dist.iterdir()
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    tree = tmp_path / sdist.name.removesuffix(".tar.gz")
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", "tests/harness.py", "docs/architecture.md"):
        assert (tree / name).is_file(), name
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist], cwd=tree, check=True)
    (wheel,) = dist.glob("*-py3-none-any.whl")
    package = {str(path.relative_to(checkout)) for path in (checkout / "sandbox_venv").rglob("*") if path.is_file()}
    assert package == {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("sandbox_venv/")}
    environment = make_environment(tmp_path / "environment", wheel)
    subprocess.run([environment / "bin" / "sandbox-venv", "--version"], check=True)
