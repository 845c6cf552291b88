"""Cookies of an X display, and uv's question to an interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.launch.desktop import named_file, read_cookies
from sandbox_venv.launch.outside import find_probe


def entry(number: bytes, data: bytes) -> bytes:
    parts = [b"host", number, b"MIT-MAGIC-COOKIE-1", data]
    return b"\1\0" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def test_only_the_displays_own_cookies_are_taken_and_hold_for_any_number(tmp_path: Path) -> None:
    path = tmp_path / "cookies"
    path.write_bytes(entry(b"0", b"a" * 16) + entry(b"7", b"b" * 16) + entry(b"", b"c" * 16))
    assert read_cookies(bytes(path), b"7") == entry(b"", b"b" * 16) + entry(b"", b"c" * 16)
    path.write_bytes(b"\1\0\xff")
    read_cookies(bytes(path), b"7")
    assert read_cookies(bytes(tmp_path / "none"), b"7") == b""


def test_a_name_in_the_runtime_directory_is_found_there() -> None:
    env = {b"XDG_RUNTIME_DIR": b"/run/user/1", b"WAYLAND_DISPLAY": b"wayland-0", b"PIPE": b"/tmp/../p", b"BAD": b"x"}
    assert named_file(b"WAYLAND_DISPLAY", env) == b"/run/user/1/wayland-0"
    assert named_file(b"PIPE", env) == b"/p"
    assert named_file(b"BAD", env) == b""
    assert named_file(b"NONE=/home/u/.x", env) == b"/home/u/.x"


QUESTION = b'import sys; sys.path = [__import__("os").fsdecode(b"%s")] + sys.path; from python.a import main; main()'


@pytest.mark.parametrize(
    "path, found",
    [
        (b"/c/uv/.tmpAbCdEf", True),
        (b"/c/uv/tmpAbCdEf", False),
        (b"c/.tmpA", False),
        (b"/c/../.tmpA", False),
        (b"/c/.tmp\\x41", False),
    ],
)
def test_uvs_question_names_its_directory(path: bytes, found: bool) -> None:
    assert find_probe([b"python", b"-I", b"-B", b"-c", QUESTION % path]) == (path if found else b"")


def test_other_arguments_are_no_question() -> None:
    good = QUESTION % b"/c/.tmpA"
    assert not find_probe([b"python", b"-I", b"-c", good])
    assert not find_probe([b"python", b"-I", b"-B", b"-c", b" " + good])
    assert not find_probe([b"python", b"-I", b"-B", b"-c", good, b"more"])
