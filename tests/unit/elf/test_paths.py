"""Paths are followed as the kernel follows them, and untrusted texts never lead outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox_venv.elf.paths import PathWalker, RefusedPathError


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A merged /usr, alternatives, a venv and a secret."""
    for name in ("usr/lib/blas", "etc/alternatives", "venv/lib", "home/secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "usr/lib/libz.so.1.2").write_text("z")
    (tmp_path / "usr/lib/libz.so.1").symlink_to("libz.so.1.2")
    (tmp_path / "usr/lib/blas/libblas.so").write_text("b")
    (tmp_path / "usr/lib/libblas.so").symlink_to(tmp_path / "etc/alternatives/libblas.so")
    (tmp_path / "etc/alternatives/libblas.so").symlink_to(tmp_path / "usr/lib/blas/libblas.so")
    (tmp_path / "home/secret/key").write_text("k")
    return tmp_path


@pytest.fixture
def walker(world: Path) -> PathWalker:
    return PathWalker([f"{world}/usr/lib", f"{world}/lib", f"{world}/venv"], [f"{world}/venv"])


def test_links_of_files_and_of_directories_are_told_apart(world: Path, walker: PathWalker):
    found = walker.file(f"{world}/lib", "libz.so.1", free=False)
    assert found is not None
    assert found.real == f"{world}/usr/lib/libz.so.1.2"
    assert found.links == (f"{world}/usr/lib/libz.so.1",)
    assert found.directory_links == ((f"{world}/lib", "usr/lib"),)


def test_links_of_the_system_may_pass_anywhere(world: Path, walker: PathWalker):
    found = walker.file(f"{world}/lib", "libblas.so", free=False)
    assert found is not None
    assert found.real == f"{world}/usr/lib/blas/libblas.so"
    assert found.links == (f"{world}/usr/lib/libblas.so", f"{world}/etc/alternatives/libblas.so")


@pytest.mark.parametrize("target", ["../../home/secret/key", "/etc/passwd", "../../venv/../home/secret/key", "/"])
def test_links_of_the_venv_may_not_leave(world: Path, walker: PathWalker, target: str):
    (world / "venv/lib/libevil.so").symlink_to(target)
    with pytest.raises(RefusedPathError):
        walker.file(f"{world}/venv/lib", "libevil.so", free=True)


def test_links_of_the_venv_may_lead_to_the_system(world: Path, walker: PathWalker):
    (world / "venv/lib/libz.so").symlink_to(world / "lib/libz.so.1")
    found = walker.file(f"{world}/venv/lib", "libz.so", free=False)
    assert found is not None
    assert found.real == f"{world}/usr/lib/libz.so.1.2"
    assert found.links == (f"{world}/venv/lib/libz.so", f"{world}/usr/lib/libz.so.1")


@pytest.mark.parametrize("text", ["home/secret", "usr/lib/../../home/secret", "venv/../home/secret", "lib/../../home"])
def test_untrusted_directories_outside_are_refused_and_trusted_ones_taken(world: Path, walker: PathWalker, text: str):
    with pytest.raises(RefusedPathError):
        walker.directory(f"{world}/{text}", free=False)
    if text != "lib/../../home":
        assert walker.directory(f"{world}/{text}", free=True) is not None


def test_nothing_outside_is_even_looked_at(world: Path, walker: PathWalker, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    real = os.readlink

    def readlink(path: str) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(os, "readlink", readlink)
    (world / "venv/lib/out").symlink_to(world / "home/secret")
    for text in ("home/secret", "venv/lib/out", "venv/lib/out/key", "usr/lib/../../home/secret"):
        with pytest.raises(RefusedPathError):
            walker.directory(f"{world}/{text}", free=False)
    assert not [path for path in seen if "/home" in path]


def test_dot_dot_behind_a_link_goes_up_from_where_it_leads(world: Path, walker: PathWalker):
    found = walker.directory(f"{world}/lib/..", free=True)
    assert found is not None
    assert found.real == f"{world}/usr"


def test_cycles_and_long_chains_end(world: Path, walker: PathWalker):
    (world / "venv/a").symlink_to("b")
    (world / "venv/b").symlink_to("a")
    assert walker.file(f"{world}/venv", "a", free=False) is None
    for number in range(60):
        (world / f"venv/c{number}").symlink_to(f"c{number + 1}")
    (world / "venv/c60").write_text("")
    assert walker.file(f"{world}/venv", "c0", free=False) is None
    assert walker.file(f"{world}/venv", "c40", free=False) is not None


def test_very_deep_paths_need_no_deep_stack(world: Path, walker: PathWalker):
    assert walker.directory(f"{world}/venv" + "/x" * 2000, free=False) is None


def test_files_are_no_directories(world: Path, walker: PathWalker):
    assert walker.directory(f"{world}/usr/lib/libz.so.1.2", free=True) is None
    assert walker.file(f"{world}/usr/lib/libz.so.1.2", "x", free=True) is None


def test_the_root_directory_is_never_an_allowed_root():
    assert PathWalker(["/", "relative"], []).allowed == ()
