from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.state import StateDir
from tests.unit.venv.trees import make_small_venv, make_state


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_state(tmp_path_factory.mktemp("state")).install_code()


@pytest.fixture
def state(tmp_path: Path, code: Path, monkeypatch: pytest.MonkeyPatch) -> StateDir:
    """A state directory whose copy of the tool is made once: tests/unit/test_state.py is about that."""
    monkeypatch.setattr(StateDir, "install_code", lambda _: code)
    return make_state(tmp_path / "state")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return make_small_venv(tmp_path / "project" / ".venv")
