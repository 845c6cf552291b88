"""The text of launchers: any path, any name, a clear end where the code is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_venv.venv.launchers import MAX_SHEBANG, launcher_text, read_launcher, shebang, stub

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: not {0, b"/"[0]} & set(name) and name not in (b".", b"..")
)
TRICKY = [
    b"a b",
    b"\xff\xfe",
    b"'\"$`\\",
    b"'''",
    b"\\'\\'",
    b"\\x",
    b"\\N{",
    b"$(exit 3)`",
    b"a\nb",
    b"x" * 200,
    b"\\",
    b"!#",
]


def start(folder: Path, name: bytes, code: Path, words: list[bytes]) -> subprocess.CompletedProcess[bytes]:
    """Start a stub through an interpreter at an odd path."""
    home = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    home.mkdir()
    python = home / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    path = home / "stub"
    path.write_bytes(stub(python, code, "svt_module", "function", b"/pl\xffan's", name))
    path.chmod(0o755)
    return subprocess.run([path, *words], capture_output=True)


@pytest.fixture
def odd_code(tmp_path: Path) -> Path:
    folder = tmp_path / "co\udcff'de"
    folder.mkdir()
    (folder / "svt_module.py").write_text(
        "import os, sys\ndef function(*a): print(ascii(a), ascii(sys.argv[1:]), sys.flags.isolated, sys.flags.no_site)"
    )
    return folder


@pytest.mark.parametrize("name", TRICKY, ids=ascii)
def test_stub_starts_over_any_path(tmp_path: Path, odd_code: Path, name: bytes) -> None:
    done = start(tmp_path, name, odd_code, [b"-x", b"a b", b"'$\\"])
    assert done.stderr == b""
    arguments, words = (b"/pl\xffan's", name), ["-x", "a b", "'$\\"]
    assert done.stdout.decode() == f"{arguments!a} {words} 1 1\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(name=NAMES)
def test_interpreter_line_is_sh_and_python(tmp_path: Path, name: bytes) -> None:
    path = Path("/nowhere/" + os.fsdecode(name))
    text = shebang(path)
    if text.startswith(b"#!/bin/sh"):
        compile(text, "stub", "exec")
        script = text.replace(b"'''exec'", b"'''printf' %s", 1)
        script = script.replace(b' -IS "$0" "$@"', b"; exit")
        assert subprocess.run(["/bin/sh", "-c", script], capture_output=True).stdout == b"/nowhere/" + name
    else:
        assert text == b"#!/nowhere/" + name + b" -IS\n"


def test_long_interpreter_path_is_not_left_to_the_kernel() -> None:
    assert shebang(Path("/" + "x" * (MAX_SHEBANG - 8))).startswith(b"#!/x")
    assert shebang(Path("/" + "x" * MAX_SHEBANG)).startswith(b"#!/bin/sh")


@given(name=NAMES, folder=NAMES)
def test_launcher_says_its_name_and_plans(tmp_path_factory: pytest.TempPathFactory, name: bytes, folder: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "launcher"
    plans = Path("/" + os.fsdecode(folder))
    path.write_bytes(launcher_text(Path("/usr/bin/python3"), Path("/code"), plans, os.fsdecode(name)))
    assert read_launcher(path) == (b"/" + folder, name)


def test_what_is_no_launcher_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("#!/bin/sh\n# sandbox_venv.launch.main\nmain(b'a', b'b' + evil())\n")
    (tmp_path / "link").symlink_to("x")
    os.mkfifo(tmp_path / "fifo")
    for name in ("x", "link", "fifo", "none", "."):
        assert read_launcher(tmp_path / name) is None


def test_launcher_whose_code_is_gone_ends_with_125_in_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "pip"
    path.write_bytes(launcher_text(Path(os.path.realpath(sys.executable)), tmp_path / "gone", tmp_path, "pip"))
    path.chmod(0o755)
    done = subprocess.run([path], capture_output=True, text=True)
    assert done.returncode == 125
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["sandbox-venv", "hint"]
