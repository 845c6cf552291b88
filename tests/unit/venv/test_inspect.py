"""What a venv is, read from files that anybody may have written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.venv.base import base_info, follow
from sandbox_venv.venv.inspect import inspect_venv, is_script, locate, read_config
from tests.harness import system_python
from tests.unit.venv.trees import make_small_venv


def make_python(prefix: Path, version: str = "3.9", lib: str = "lib") -> Path:
    """Write what an installed Python looks like from outside."""
    library = prefix / lib / f"python{version}"
    (library / "lib-dynload").mkdir(parents=True)
    (library / "site-packages").mkdir()
    (library / "os.py").touch()
    (prefix / "bin").mkdir()
    real = prefix / "bin" / f"python{version}"
    real.write_bytes(b"\x7fELF")
    real.chmod(0o755)
    (prefix / "bin" / "python3").symlink_to(real.name)
    return real


@pytest.mark.parametrize("options", [[], ["--copies"], ["--system-site-packages"]])
def test_venv_of_the_standard_library(tmp_path: Path, options: list[str]) -> None:
    python = system_python()
    subprocess.run([python, "-m", "venv", "--without-pip", *options, tmp_path / ".venv"], check=True)
    info = inspect_venv(tmp_path / ".venv")
    code = "import sys, sysconfig; print(sys.base_prefix, sysconfig.get_path('stdlib'), *sys.version_info[:2])"
    prefix, stdlib, *version = subprocess.check_output([python, "-I", "-c", code], text=True).split()
    assert info.path == tmp_path / ".venv"
    assert info.project == tmp_path
    assert info.base_executable == Path(os.path.realpath(python))
    assert (str(info.base_prefix), str(info.stdlib)) == (os.path.realpath(prefix), os.path.realpath(stdlib))
    assert info.version == tuple(map(int, version))
    assert info.lib_dynload == info.stdlib / "lib-dynload"
    assert info.site_packages == (tmp_path / ".venv" / "lib" / info.stdlib.name / "site-packages",)
    assert info.copies == ("--copies" in options)
    assert info.system_site == ("--system-site-packages" in options)
    assert not info.wrapped
    assert set(info.entries) >= {"python", "python3"}
    assert not any(map(is_script, info.entries))


def test_interpreter_outside_usr_with_links_to_it(tmp_path: Path) -> None:
    real = make_python(tmp_path / "pythons" / "cpython-3.9.18")
    (tmp_path / "pythons" / "cpython-3.9").symlink_to("cpython-3.9.18")
    venv = make_small_venv(tmp_path / "p" / ".venv")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(tmp_path / "pythons" / "cpython-3.9" / "bin" / "python3")
    (venv / "pyvenv.cfg").write_text(
        f"HOME={tmp_path}/pythons/cpython-3.9/bin\nversion_info = 3.9.18.final.0\nprompt = a = b\n"
    )
    info = inspect_venv(venv)
    assert info.base_executable == real
    assert info.base_prefix == real.parents[1]
    assert info.version == (3, 9)
    assert info.outside_usr
    assert set(info.base.links) == {
        (tmp_path / "pythons" / "cpython-3.9", "cpython-3.9.18"),
        (real.parent / "python3", "python3.9"),
    }


def test_copy_is_resolved_by_the_settings(tmp_path: Path) -> None:
    real = make_python(tmp_path / "py", lib="lib64")
    venv = make_small_venv(tmp_path / "p" / ".venv")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").write_bytes(b"\x7fELF")
    (venv / "bin" / "python").chmod(0o755)
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}\nversion = 3.9.2\n")
    info = inspect_venv(venv)
    assert info.copies
    assert info.base_executable == real
    assert info.stdlib == tmp_path / "py" / "lib64" / "python3.9"


def test_environment_of_conda_is_its_own_base(tmp_path: Path) -> None:
    real = make_python(tmp_path / "env")
    (tmp_path / "env" / "conda-meta").mkdir()
    (real.parent / "python").symlink_to("python3.9")
    info = inspect_venv(tmp_path / "env")
    assert info.conda
    assert info.base_prefix == info.path == tmp_path / "env"
    assert info.base_executable == real


def test_pypy_and_free_threaded_names(tmp_path: Path) -> None:
    for name in ("python3.13t", "pypy3.10"):
        real = make_python(tmp_path / name, name.removeprefix("python").removeprefix("pypy"))
        real = real.rename(real.with_name(name))
        (tmp_path / name / "lib" / f"python{name.removeprefix('python').removeprefix('pypy')}").rename(
            tmp_path / name / "lib" / name
        )
        info = base_info(real)
        assert info.stdlib == tmp_path / name / "lib" / name


def test_a_free_threaded_build_named_as_the_ordinary_one(tmp_path: Path) -> None:
    """``make install`` makes bin/python3.13 and bin/python3.13t, and lib/python3.13t alone."""
    real = make_python(tmp_path, "3.13")
    ordinary, free = tmp_path / "lib" / "python3.13", tmp_path / "lib" / "python3.13t"
    ordinary.rename(free)
    assert base_info(real).stdlib == free
    shutil.copytree(free, ordinary)
    assert base_info(real).stdlib == ordinary
    shutil.rmtree(ordinary)
    shutil.copytree(free, tmp_path / "lib" / "pypy3.13")
    assert base_info(real).stdlib == free


def test_base_that_is_gone_is_said_with_what_mends_it(tmp_path: Path) -> None:
    real = make_python(tmp_path / "py")
    venv = make_small_venv(tmp_path / "p" / ".venv")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(real)
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}\nversion = 3.9.2\n")
    shutil.rmtree(tmp_path / "py")
    with pytest.raises(SandboxError, match=r"base interpreter '.*/py/bin/python3.9' is gone") as error:
        inspect_venv(venv)
    assert f"python3 -m venv --clear {venv}" in str(error.value.hint)


def test_prefix_that_holds_the_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = make_python(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    venv = make_small_venv(tmp_path / "p" / ".venv")
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}\nversion = 3.9.2\n")
    with pytest.raises(SandboxError, match="holds your home directory"):
        inspect_venv(venv)


def test_what_is_no_venv_is_said(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="it isn't there") as error:
        inspect_venv(tmp_path / "none")
    assert error.value.hint == f"make one: python3 -m venv {tmp_path}/none"
    with pytest.raises(SandboxError, match=r"no pyvenv\.cfg"):
        inspect_venv(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="isn't a directory"):
        inspect_venv(tmp_path / "file")
    with pytest.raises(SandboxError, match="Not a directory"):
        inspect_venv(tmp_path / "file" / "x")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"home",
        b"home = relative/bin\nversion = 3.9",
        b"home = /\xff\nversion = 3.9\n",
        b"home = /proc/self/root\nversion = x",
        b"home = /etc/passwd\nversion = 3.9",
        b"home = /tmp\nversion = 999.999.1",
        b"version = 3.9\nbase-executable = /etc/passwd",
        b"home = /\0",
        b"x" * 100000,
        b"\xef\xbb\xbfhome = /nowhere",
    ],
)
def test_hostile_settings_are_one_clear_line(tmp_path: Path, text: bytes) -> None:
    venv = make_small_venv(tmp_path / "p" / ".venv")
    for path in (venv / "bin").glob("python*"):
        path.unlink()
    (venv / "bin" / "python").symlink_to("python")
    (venv / "pyvenv.cfg").write_bytes(text)
    with pytest.raises(SandboxError) as error:
        inspect_venv(venv)
    assert "\n" not in error.value.message
    assert error.value.hint


def test_settings_that_are_a_link_or_a_fifo_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").symlink_to("/etc/passwd")
    with pytest.raises(SandboxError):
        read_config(tmp_path)
    (tmp_path / "pyvenv.cfg").unlink()
    os.mkfifo(tmp_path / "pyvenv.cfg")
    with pytest.raises(SandboxError):
        read_config(tmp_path)
    (tmp_path / "pyvenv.cfg").unlink()
    (tmp_path / "pyvenv.cfg").mkdir()
    with pytest.raises(SandboxError):
        read_config(tmp_path)


def test_path_is_real_but_for_the_last_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_small_venv(tmp_path / "p" / ".venv")
    (tmp_path / "link").symlink_to("p")
    monkeypatch.chdir(tmp_path)
    for name in ("link/.venv", "./p/../p/.venv/", tmp_path / "link" / ".venv"):
        assert locate(name) == tmp_path / "p" / ".venv"


def test_links_that_go_round_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(OSError, match=r"loop|levels"):
        follow(tmp_path / "a")
