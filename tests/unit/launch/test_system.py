"""What stands in for ``os`` before a program starts does as ``os`` does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.launch.inside import path, system

PATHS = st.lists(st.sampled_from([b"/", b"//", b".", b"..", b"a", b"b c", b"..a", b"\xff"]), max_size=12).map(b"".join)


@given(PATHS, PATHS)
def test_paths_are_taken_apart_as_by_os(one: bytes, other: bytes) -> None:
    assert path.normpath(one) == os.path.normpath(one)
    assert path.dirname(one) == os.path.dirname(one)
    assert path.basename(one) == os.path.basename(one)
    assert path.join(one, other) == os.path.join(one, other)


def test_a_link_to_nowhere_is_there(tmp_path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert path.lexists(os.fsencode(tmp_path / "link"))
    assert not path.lexists(os.fsencode(tmp_path / "nothing"))
    assert not path.lexists(b"nul\0byte")


@pytest.mark.parametrize("text", ["plain", "\udcff", "ü", b"bytes"])
def test_text_becomes_the_bytes_that_it_came_from(text: str | bytes) -> None:
    assert system.fsencode(text) == os.fsencode(text)


def test_what_it_lacks_comes_from_os() -> None:
    assert system.get_terminal_size is os.get_terminal_size
    with pytest.raises(AttributeError):
        system.no_such_name  # noqa: B018


def test_the_environment_is_the_real_one_and_os_is_not_imported_for_it() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from sandbox_venv.launch.inside.system import os; "
        "assert os.environb[b'A'] == b'1' and os.open and os.WNOHANG and 'os' not in sys.modules; "
        "import os as real; real.environ['A'] = '2'; assert os.environb[b'A'] == b'2'"
    )
    subprocess.run([sys.executable, "-S", "-I", "-c", code, os.getcwd()], env={"A": "1"}, check=True)
