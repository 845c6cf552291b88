"""Programs are loaded by the rules of ld.so(8), one scenario a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.elf.elves import build
from tests.unit.elf.scenarios import SCENARIOS, make
from tests.unit.elf.tracing import ours


@pytest.mark.parametrize("name", SCENARIOS)
def test_resolution_follows_the_rule(name: str, tmp_path: Path):
    main, expected = make(name, tmp_path)
    assert ours([main]) == {main: expected}


def test_absent_auxiliary_filter_is_forgiven(tmp_path: Path):
    main = build(tmp_path / "main", options=["--auxiliary=libsv9.so"])
    assert ours([str(main)]) == {str(main): {}}
