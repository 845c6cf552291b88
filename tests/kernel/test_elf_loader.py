"""The proof: what we resolve is what the dynamic loader itself loads, scenario by scenario and file by file.

The loader runs here only, on trusted files, in a sandbox.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.elf.scenarios import SCENARIOS, make
from tests.unit.elf.tracing import by_loader, glibc_loader

pytestmark = pytest.mark.kernel


def test_loader_agrees_with_every_scenario(tmp_path: Path):
    expected = {}
    for name in SCENARIOS:
        (tmp_path / name).mkdir()
        main, wanted = make(name, tmp_path / name)
        expected[main] = wanted
    assert by_loader(expected, glibc_loader()) == expected
