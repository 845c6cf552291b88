"""A tree is scanned without opening what it should not, and files are opened without effects."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sandbox_venv.elf import files
from sandbox_venv.elf.files import Files, is_candidate, scan_tree
from tests.unit.elf.elves import forge, write


def names(top: Path) -> set[str]:
    return {os.path.relpath(path, top) for path in scan_tree(str(top)).files}


def test_candidates_are_libraries_by_name_and_anything_executable(tmp_path: Path):
    for name in ("a.so", "b.so.1.2", "c.cpython-311-x86_64-linux-gnu.so", "sub/deep/d.abi3.so"):
        write(tmp_path / name, b"x")
    for name in ("tool", "tool.bin", "notes", "e.py", "f.txt", "libg.so.txt"):
        write(tmp_path / name, b"x")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "tool.bin").chmod(0o700)
    (tmp_path / "e.py").chmod(0o755)
    write(tmp_path / "__pycache__/h.so", b"x")
    assert names(tmp_path) == {
        "a.so", "b.so.1.2", "c.cpython-311-x86_64-linux-gnu.so", "sub/deep/d.abi3.so", "tool", "tool.bin"
    }  # fmt: skip


def test_links_fifos_sockets_and_directories_are_no_candidates(tmp_path: Path):
    (tmp_path / "link.so").symlink_to("/bin/true")
    (tmp_path / "up.so").symlink_to("..")
    (tmp_path / "tree").symlink_to("/usr/lib")
    os.mkfifo(tmp_path / "fifo.so")
    (tmp_path / "dir.so").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket.so"))
    assert names(tmp_path) == set()


def test_missing_tree_is_refused_with_its_reason(tmp_path: Path):
    tree = scan_tree(str(tmp_path / "none"))
    assert tree.files == []
    assert tree.refused == [(str(tmp_path / "none"), "No such file or directory")]


def test_scan_stops_at_its_limits_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        write(tmp_path / f"{number}.so", b"x")
    monkeypatch.setattr(files, "MAX_CANDIDATES", 5)
    tree = scan_tree(str(tmp_path))
    assert len(tree.files) == 5
    assert "too many files" in tree.refused[0][1]


def test_very_deep_trees_end(tmp_path: Path):
    place = tmp_path
    for _ in range(80):
        place = place / "d"
        place.mkdir()
        write(place / "x.so", b"x")
    assert len(scan_tree(str(tmp_path)).files) == files.MAX_DEPTH


def test_files_that_no_loader_opens_are_not_even_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.py", "b.json", "c.png"):
        write(tmp_path / name, b"x").chmod(0o755)
    with os.scandir(tmp_path) as listing:
        entries = list(listing)
    for path in tmp_path.iterdir():
        path.unlink()
    assert not any(is_candidate(entry) for entry in entries)


def test_fifo_socket_device_and_link_are_not_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/bin/true")
    for path in (tmp_path / "fifo", tmp_path / "link", Path("/dev/zero"), Path("/dev/tty"), tmp_path):
        assert Files(None).facts(str(path)) == "not a regular file"
    assert Files(None).facts(str(tmp_path / "none")) == "No such file or directory"
    assert "null" in str(Files(None).facts("/bin/tr\0ue"))


def test_each_file_is_read_once(tmp_path: Path):
    path = write(tmp_path / "a.so", forge(["libb.so"]))
    seen = Files(None)
    first = seen.facts(str(path))
    path.unlink()
    assert seen.facts(str(path)) is first


def test_text_of_all_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_TEXT", 100)
    seen = Files(None)
    assert not isinstance(seen.facts(str(write(tmp_path / "a.so", forge(["x" * 90])))), str)
    assert seen.facts(str(write(tmp_path / "b.so", forge(["x" * 90])))) == "too much text in the files so far"
