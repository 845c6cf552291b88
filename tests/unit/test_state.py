"""The state directory: where it is, who may write it, what a full disk and two processes do to it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir, id_of, open_state, user_home
from tests.harness import IS_ROOT


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return open_state({"XDG_STATE_HOME": str(tmp_path / "state")})


def test_place_is_below_xdg_state_home_or_the_home(tmp_path: Path) -> None:
    assert open_state({"XDG_STATE_HOME": str(tmp_path / "x")}).root == tmp_path / "x" / "sandbox-venv"
    for relative in ({}, {"XDG_STATE_HOME": "relative"}):
        root = open_state({"HOME": str(tmp_path), **relative}).root
        assert root == tmp_path / ".local" / "state" / "sandbox-venv"


def test_home_is_the_passwd_entrys_where_the_variable_is_relative() -> None:
    import pwd

    assert user_home({"HOME": "x"}) == user_home({}) == Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_everything_is_made_for_this_user_alone(state: StateDir) -> None:
    old = os.umask(0)
    try:
        state.write_atomic(state.venv_dir(Path("/a")) / "file", b"x")
        state.install_code()
    finally:
        os.umask(old)
    made = (state.root, state.root.parent, state.registry_dir, state.root / "code")
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in made)
    assert (state.venv_dir(Path("/a")) / "file").stat().st_mode & 0o777 == 0o600


def test_id_is_of_the_bytes_of_the_path() -> None:
    assert id_of(Path("/x\udcff")) == id_of(b"/x\xff")
    assert len(id_of(b"")) == 20


def test_opening_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="it isn't there"):
        open_state({"XDG_STATE_HOME": str(tmp_path)}, create=False)
    assert not list(tmp_path.iterdir())


def test_mode_that_lets_others_in_is_refused(state: StateDir, tmp_path: Path) -> None:
    state.root.chmod(0o750)
    with pytest.raises(SandboxError, match="0750") as error:
        open_state({"XDG_STATE_HOME": str(tmp_path / "state")})
    assert "chmod 700" in str(error.value.hint)


def test_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "sandbox-venv").symlink_to("other")
    with pytest.raises(SandboxError, match="not a directory"):
        open_state({"XDG_STATE_HOME": str(tmp_path)})


def test_link_of_ones_own_above_it_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    assert open_state({"XDG_STATE_HOME": str(tmp_path / "link" / "s")}).root == tmp_path / "disk" / "s" / "sandbox-venv"


def test_directory_above_it_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SandboxError, match="writable by other users"):
        open_state({"XDG_STATE_HOME": str(tmp_path / "open")})
    (tmp_path / "open").chmod(0o1777)  # as /tmp: who owns what is in it is checked
    open_state({"XDG_STATE_HOME": str(tmp_path / "open")})


@pytest.mark.skipif(not IS_ROOT, reason="only root can make what another user owns")
def test_directory_or_link_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(SandboxError, match="another user"):
        open_state({"XDG_STATE_HOME": str(tmp_path / "theirs")})
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("mine")
    os.lchown(tmp_path / "link", 12345, 12345)
    with pytest.raises(SandboxError, match="another user"):
        open_state({"XDG_STATE_HOME": str(tmp_path / "link")})


def test_links_that_go_round_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SandboxError, match="too many links"):
        open_state({"XDG_STATE_HOME": str(tmp_path / "a")})


def test_full_disk_leaves_the_old_file(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state.root / "file"
    state.write_atomic(path, b"old")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SandboxError, match="No space left") as error:
        state.write_atomic(path, b"new")
    monkeypatch.undo()
    assert "make room" in str(error.value.hint)
    assert path.read_bytes() == b"old"
    assert [item.name for item in state.root.iterdir()] == ["file"]


def test_writing_outside_of_it_is_a_mistake_of_ours(state: StateDir, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in the state directory"):
        state.write_atomic(tmp_path / "x", b"")


def test_link_planted_in_a_files_place_is_replaced_not_followed(state: StateDir, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"keep")
    (state.root / "file").symlink_to(tmp_path / "victim")
    state.write_atomic(state.root / "file", b"new")
    assert (tmp_path / "victim").read_bytes() == b"keep"
    assert not (state.root / "file").is_symlink()


def hold(root: Path, log: Path, number: int) -> None:
    state = StateDir(root)
    for _ in range(20):
        with state.lock(root / "venvs" / "x"):
            with log.open("a") as file:
                file.write(f"in {number}\n")
            time.sleep(0.0005)
            with log.open("a") as file:
                file.write(f"out {number}\n")
            (root / "venvs" / "x" / "lock").unlink()  # as unwrap does, with others waiting


def test_lock_holds_though_its_file_is_removed_under_those_who_wait(state: StateDir, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=hold, args=(state.root, tmp_path / "log", number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert not worker.exitcode
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 120
    assert all(a.replace("in", "out") == b for a, b in zip(lines[::2], lines[1::2], strict=True))


def test_waiting_is_told_once_and_shared_locks_share(state: StateDir) -> None:
    folder, told, done = state.venv_dir(Path("/a")), threading.Event(), threading.Event()

    def wait() -> None:
        with state.lock(folder, waiting=told.set):
            done.set()

    with state.lock(folder, exclusive=False), state.lock(folder, exclusive=False):
        thread = threading.Thread(target=wait)
        thread.start()
        assert told.wait(10)
        assert not done.is_set()
    thread.join(10)
    assert done.is_set()


def test_registry_lists_records_and_refuses_a_damaged_one(state: StateDir) -> None:
    assert state.registry() == []
    state.make(state.registry_dir / "0")
    assert state.registry() == []
    state.write_atomic(state.registry_dir / "1" / "record.json", b"{}")
    with pytest.raises(SandboxError, match="read record"):
        state.registry()
