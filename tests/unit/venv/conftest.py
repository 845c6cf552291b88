from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.state import StateDir
from tests.unit.venv.trees import make_small_venv, make_state


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return make_state(tmp_path / "state")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return make_small_venv(tmp_path / "project" / ".venv")
