"""The project's ``.env``, whatever a session wrote into it: read as data, in bounded time, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.plan.dotenv_file import CONTROL, MAX_SIZE, DotEnv, read_dotenv

WORDS = st.lists(
    st.sampled_from(["A", "BWRAP_ARGS", "SANDBOX_X", "=", "'", '"', "\\", "\n", "\r", "#", " ", "${A}", "$(id)", "export ", "\udcff"]),
    max_size=60,
)  # fmt: skip

SLOW = {
    "escaped quotes": 'A="' + '\\"' * 30_000,
    "open quotes": "A='" * 20_000,
    "blanks": " " * 60_000 + "=",
    "exports": "export " * 9_000,
    "words": "A=" + "a " * 30_000,
    "comments": "A=a" + " #" * 30_000,
    "lines": "A\n" * 30_000,
    "nonsense": "=\n" * 30_000,
    "backslashes": "A=" + "\\" * 60_000,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dotenv") / ".env"


def check(found: DotEnv) -> None:
    for name, value in {**found.variables, **found.control}.items():
        assert name
        assert "=" not in name
        assert "\0" not in name + value
    assert not any(name.startswith(CONTROL) for name in found.variables)
    assert all(name.startswith(CONTROL) for name in found.control)


@given(data=st.one_of(st.binary(max_size=300), WORDS.map("".join).map(os.fsencode)))
def test_any_bytes_are_read_or_refused(place: Path, data: bytes) -> None:
    place.write_bytes(data)
    check(read_dotenv(str(place)))


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_what_is_made_to_be_slow_is_read(place: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert len(text) <= MAX_SIZE
    place.write_text(text)
    check(read_dotenv(str(place)))
    assert len(caplog.records) <= 1  # on a terminal each would be a line


def test_nothing_in_it_is_executed_or_filled_in(place: Path) -> None:
    place.write_text("A=$(id)\nB=`id`\nC=${A}\n")
    assert read_dotenv(str(place)).variables == {"A": "$(id)", "B": "`id`", "C": "${A}"}
