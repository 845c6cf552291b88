"""What a compile finds below the project's top."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.plan import protected
from sandbox_venv.plan.protected import find_nested
from sandbox_venv.policy import read_policy


def test_the_tops_own_repository_costs_the_search_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is protected whole; the objects of a large one would use the search up."""
    for number in range(50):
        (tmp_path / ".git" / "objects" / f"{number:02x}").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c" / ".git").mkdir(parents=True)
    monkeypatch.setattr(protected, "NESTED_ENTRIES", 20)
    assert [path for path, _ in find_nested(str(tmp_path), [".git"], [])] == [str(tmp_path / "a/b/c/.git")]


def test_what_is_looked_for_below_is_protected_at_the_top() -> None:
    policy = read_policy()
    assert set(policy.protect_nested) <= set(policy.protect)
