"""Damaged, foreign or missing state: refused (125) or rebuilt, never believed, never waited for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.harness import FEATURES, IS_ROOT, Tool, User, Venv, make_project

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
    if IS_ROOT:
        os.chown(path, 12345, 12345)
    else:  # only root can give files away
        path.chmod(0o602)


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
FILES = ("run.plan", "record.json", "init.bin", "trusted-env", "protected", "passwd", "group", "facts", "root")
"""What is damaged; ``facts``: what is known of ELF files, ``root``: the C launcher's directory of mount points."""

FEW, QUICK = ("run.plan", "record.json"), ("flipped", "fifo", "foreign", "newer")
"""What `make test` tries; the rest is slow."""

LOOK = """
import os, pwd
print('inside', os.path.exists('/etc/shadow'), open('/proc/self/status').read().count('Seccomp:\\t2'),
      os.access('sub/.git', os.W_OK), pwd.getpwuid(os.getuid()).pw_uid == os.getuid())
"""
HOW: dict[str, dict[str, str]] = {"bwrap": {"VERBOSE": ""}, "bwrap by C": {}, "python": {"VERBOSE": ""}, "launcher": {}}


def start_first(venv: Venv) -> Path:
    """Return the venv's directory in the state, with all in it that is damaged here, after a first start."""
    (folder,) = (venv.user.home / ".local/state/sandbox-venv/venvs").iterdir()
    venv.user.write(folder / "trusted-env", "0" * 64 + "\n", 0o600)
    venv.user.makedirs(venv.project / "sub/.git")
    venv.python("pass").check()
    return folder


@pytest.fixture
def state(venv: Venv) -> Iterator[Path]:
    folder = start_first(venv)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def place_of(name: str, state: Path) -> Path:
    """Return the path of what FILES call ``name``."""
    if name == "facts":
        return next((state.parents[1] / "facts").glob("*.sqlite*"), state.parents[1] / "facts" / "none")
    if name == "root":
        return next((path / "etc/passwd" for path in (state / "roots").glob("*")), state / "none")
    return state / name


def try_states(
    venv: Venv, state: Path, names: tuple[str, ...], given: dict[str, str], kinds: Iterable[str] = DAMAGES
) -> int:
    """Damage each file in each way, start each time; return how many states that were."""
    facts = state.parents[1] / "facts"
    copies = {top: state.parents[1] / f"copy-for-test-{top.name}" for top in (state, facts)}
    for top, copy in copies.items():
        shutil.copytree(top, copy, symlinks=True)
    wrong, count = [], 0
    for name in names:
        for kind in kinds:
            path = place_of(name, state)
            if not path.exists() or (kind in ("truncated", "empty", "flipped") and not path.stat().st_size):
                continue
            DAMAGES[kind](path)
            if name == "facts":
                (state / "run.plan").unlink()
            count += 1
            done = venv.python(LOOK, given=given)
            if not ((done.status == 125 and not done.stdout) or done.stdout == "inside False 1 False True\n"):
                wrong.append((name, kind, done))
            for top, copy in copies.items():
                shutil.rmtree(top)
                shutil.copytree(copy, top, symlinks=True)
                venv.user.own_tree(top)
    for copy in copies.values():
        shutil.rmtree(copy)
    assert wrong == []
    venv.python("pass").check()
    return count


def test_damaged_state_is_refused_or_rebuilt(venv: Venv, state: Path) -> None:
    assert try_states(venv, state, FEW, {}, QUICK) == len(FEW) * len(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_any_damaged_state_is_refused_or_rebuilt(tool: Tool, user: User, how: str) -> None:
    backend = "bwrap" if how.startswith("bwrap") else "native"
    tool.require(user, *FEATURES[backend])
    venv = make_project(tool, user, backend)
    venv.wrap().check()
    count = try_states(venv, start_first(venv), FILES, HOW[how])
    print(f"{how} as {user}: {count} damaged states")
    assert count >= 60


def test_without_the_state_directory_nothing_starts(venv: Venv, state: Path) -> None:
    shutil.rmtree(state.parent.parent)
    done = venv.python("print('ran')")
    assert done.status != 0 and "ran" not in done.stdout


def test_a_state_directory_that_lets_others_in_starts_nothing(venv: Venv) -> None:
    folder = start_first(venv)
    run = ("run", "--venv", venv.path, "--", "python", "-c", "print('ran')")
    for path in (folder.parents[1], folder):
        for mode in (0o777, 0o770, 0o702):
            path.chmod(mode)
            for done in (
                venv.python("print('ran')"),
                venv.python("print('ran')", given={"VERBOSE": ""}),
                venv.sandbox(*run),
            ):
                done.check(125)
                assert done.stdout == "" and str(path) in done.stderr and "hint:" in done.stderr, done
        path.chmod(0o700)
        assert venv.python("print('ran')").check().stdout == "ran\n"
    if IS_ROOT and venv.user.name != "root":
        os.chown(folder.parents[1], 12345, 12345)
        assert venv.python("print('ran')").check(125).stdout == ""


QUESTIONS = ("unwrap", "status", "verify", "trust", "run -- true")


@pytest.mark.parametrize("backend", ["native"])
def test_a_damaged_record_is_a_line_and_a_hint_for_every_command(venv: Venv) -> None:
    (folder,) = (venv.user.home / ".local/state/sandbox-venv/venvs").iterdir()
    launchers = {path.name: path.read_bytes() for path in venv.bin.iterdir()}
    venv.user.write(folder / "record.json", "{}", 0o600)
    asked = [venv.sandbox(*words.split()) for words in QUESTIONS]
    for done in (*asked, venv.python("print('ran')")):
        assert done.check(125).stdout == ""
        assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["sandbox-venv", "hint"], done
        assert f"read record '{folder}/record.json'" in done.stderr and "wrap the venv again" in done.stderr
    assert f"{folder}/record.json" in venv.sandbox("list").check().stdout
    assert {path.name: path.read_bytes() for path in venv.bin.iterdir()} == launchers
    assert "earlier options are lost" in venv.wrap().check().stdout
    assert venv.python("print('ran')").check().stdout == "ran\n"
