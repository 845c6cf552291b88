"""What ``python ARGS`` runs, read as python reads its own options."""

from __future__ import annotations

import pytest

from sandbox_venv.launch.outside import is_python, python_main


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("script.py -m pip", (b"file", b"script.py")),
        ("-I -B script.py", (b"file", b"script.py")),
        ("-W error -X dev script.py", (b"file", b"script.py")),
        ("-Werror -Xdev -- script.py", (b"file", b"script.py")),
        ("--check-hash-based-pycs always script.py", (b"file", b"script.py")),
        ("-m pip install", (b"-m", b"pip")),
        ("-mpip install", (b"-m", b"pip")),
        ("-Im pip", (b"-m", b"pip")),
        ("-c pass script.py", (b"-c", b"pass")),
        ("-ic pass", (b"-c", b"pass")),
        ("- script.py", (b"", b"")),
        ("--", (b"", b"")),
        ("-i", (b"", b"")),
        ("", (b"", b"")),
        ("-m", (b"-m", b"")),
    ],
)
def test_python_main(words: str, found: tuple[bytes, bytes]) -> None:
    assert python_main([word.encode() for word in words.split()]) == found


@pytest.mark.parametrize("name", [b"python", b"python3", b"python3.11", b"python3.13t", b"pypy3", b"pypy3.10"])
def test_is_python(name: bytes) -> None:
    assert is_python(name)


@pytest.mark.parametrize("name", [b"pytest", b"python-config", b"ipython", b"pip3.11", b""])
def test_is_not_python(name: bytes) -> None:
    assert not is_python(name)
