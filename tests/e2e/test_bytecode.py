"""Byte code is compiled at wrap: once, also where a file can't be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness import Venv

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("user", ["user"], indirect=True)
def test_a_file_that_cannot_be_compiled_is_tried_once(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(wrap=False)
    (site,) = venv.path.glob("lib/python3*/site-packages")
    venv.user.write(site / "old.py", "print 'for Python 2'\n")
    venv.user.write(site / "new.py", "VALUE = 1\n")
    venv.wrap(timeout=50).check()
    assert [path.name.split(".")[0] for path in (site / "__pycache__").iterdir()] == ["new"]
