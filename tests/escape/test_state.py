"""Damaged, foreign or missing state: refused (125) or rebuilt, never believed, never waited for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import IS_ROOT, Venv

Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def make_huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 30)


def make_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_foreign(path: Path) -> None:
    if not IS_ROOT:
        pytest.skip("only root can give files away")
    os.chown(path, 12345, 12345)


DAMAGES: dict[str, Damage] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "flipped": flip,
    "huge": make_huge,
    "link": make_link,
    "fifo": make_fifo,
    "directory": make_directory,
    "foreign": make_foreign,
    "writable": lambda path: path.chmod(0o666),
    "gone": lambda path: path.unlink(),
    "older": lambda path: path.write_bytes(path.read_bytes().replace(b"SVPLAN\r\n\1", b"SVPLAN\r\n\0")),
    "newer": lambda path: path.write_bytes(path.read_bytes().replace(b"SVPLAN\r\n\1", b"SVPLAN\r\n\2")),
}
FILES = ("run.plan", "record.json", "init.bin", "trusted-env")
LOOK = (
    "import os; print('inside', os.path.exists('/etc/shadow'), open('/proc/self/status').read().count('Seccomp:\\t2'))"
)


@pytest.fixture
def state(venv: Venv) -> Iterator[Path]:
    """The venv's directory in the state, after a first start."""
    venv.python("pass").check()
    (folder,) = (venv.user.home / ".local/state/sandbox-venv/venvs").iterdir()
    venv.user.write(folder / "trusted-env", "0" * 64 + "\n", 0o600)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_damaged_state_is_refused_or_rebuilt(venv: Venv, state: Path) -> None:
    copy = state.with_name("copy-for-test").parent.parent / "copy-for-test"
    shutil.copytree(state, copy, symlinks=True)
    wrong = []
    for name in FILES:
        for kind, damage in DAMAGES.items():
            damage(state / name)
            done = venv.python(LOOK, timeout=60)
            if not ((done.status == 125 and not done.stdout) or done.stdout == "inside False 1\n"):
                wrong.append((name, kind, done))
            shutil.rmtree(state)
            shutil.copytree(copy, state, symlinks=True)
            venv.user.own_tree(state)
    assert wrong == []
    venv.python("pass").check()


def test_without_the_state_directory_nothing_starts(venv: Venv, state: Path) -> None:
    shutil.rmtree(state.parent.parent)
    done = venv.python("print('ran')")
    assert done.status != 0 and "ran" not in done.stdout
