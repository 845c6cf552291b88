"""`make run` shows what it says, by its own program."""

from __future__ import annotations

import shutil

import pytest

from tests.harness import FEATURES, ROOT, Tool, User, run_as

pytestmark = pytest.mark.e2e


def test_demo_steals_without_and_works_within_the_sandbox(tool: Tool, user: User, backend: str) -> None:
    tool.require(user, *FEATURES[backend])
    examples = user.home / "examples"
    shutil.copytree(ROOT / "examples", examples, ignore=shutil.ignore_patterns("__pycache__"))
    done = run_as(
        user,
        [tool.python, examples / "demo.py", "--backend", backend, "--directory", user.home / "demo"],
        timeout=120,
    ).check()
    rows = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(rows) == 19
    assert sum("the canary" in row for row in rows) == 3  # the run without the sandbox really gets them
    assert "WRONG" not in done.stdout
