"""What ``--rlimit`` takes."""

from __future__ import annotations

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.plan.limits import UNLIMITED, parse_rlimit


@pytest.mark.parametrize(
    "text, expected",
    [
        ("nproc=64", "6=64:64"),
        ("RLIMIT_NOFILE=64:128", "7=64:128"),
        ("as=1G:unlimited", f"9={1 << 30}:{UNLIMITED}"),
        ("fsize=2MiB", f"1={2 << 20}:{2 << 20}"),
    ],
)
def test_names_and_units(text: str, expected: str) -> None:
    assert parse_rlimit(text) == expected


@pytest.mark.parametrize("text", ["nproc", "nproc=", "=1", "as=-1", "as=1:2:3", "as=2:1", "x=1", "as=1e9"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SandboxError):
        parse_rlimit(text)
