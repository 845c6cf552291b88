"""What a start costs in imports: the launcher of a wrapped venv, seen from outside."""

from __future__ import annotations

import re

import pytest

from sandbox_venv.venv.executable import MAGIC
from tests.harness import Venv, run_as

pytestmark = pytest.mark.e2e

ALWAYS_THERE = re.compile(
    r"_io|marshal|posix|_frozen_importlib\w*|time|zipimport|_?codecs|encodings(\..*)?|_signal|_?abc|io|_stat"
    r"|_warnings|_weakref|_thread|gc"
)
CTYPES = re.compile(r"_ctypes")
HOT = re.compile(r"sandbox_venv(\.launch(\..*)?|\.errors)?")


def test_second_start_imports_only_what_is_built_in_and_for_native_ctypes_own_half(shared_venv: Venv) -> None:
    shared_venv.python("pass").check()
    launcher = shared_venv.bin / "python"
    data = launcher.read_bytes()
    if data.startswith(b"\x7fELF"):  # the C launcher: what it executes in its place
        _, interpreter, code = data[data.index(MAGIC) + len(MAGIC) :].decode("latin-1").split("\0")[:3]
        argv = [interpreter, "-IS", "-X", "importtime", "-c", code, str(launcher), "-c", "print('ran')"]
    else:
        interpreter, flags = data.decode().splitlines()[0].removeprefix("#!").split()
        assert sorted(flags) == sorted("-IS")
        argv = [interpreter, flags, "-X", "importtime", str(launcher), "-c", "print('ran')"]
    done = run_as(shared_venv.user, argv, cwd=shared_venv.project).check()
    assert done.stdout == "ran\n"
    imported = [line.split("|")[2].strip() for line in done.stderr.splitlines()[1:]]
    assert len(imported) > 10
    old = "before 0.12" in shared_venv.tool.probe(shared_venv.user)["bwrap"][1]  # such a bwrap has a shelter
    expected = [ALWAYS_THERE, HOT] + ([CTYPES] if shared_venv.backend == "native" or old else [])
    assert [name for name in imported if not any(pattern.fullmatch(name) for pattern in expected)] == []


def test_the_programs_own_python_is_started_without_our_options(shared_venv: Venv) -> None:
    done = shared_venv.python("import sys; print(sys.flags.isolated, sys.flags.no_site, sys.flags.dont_write_bytecode)")
    assert done.check().stdout == "0 0 0\n"
