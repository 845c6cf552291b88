"""Killed, or out of room, at each step: a name in bin/ is the original or its launcher, and again completes it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir
from sandbox_venv.venv import adopt, find_record, read_record, unwrap_venv, wrap_venv
from sandbox_venv.venv.launchers import looks_like_launcher
from tests.unit.venv.trees import Faults, Snapshot, disk_full, kill, snapshot

pytestmark = pytest.mark.slow

STEPS = 400
"""More than there are: the loops end when the work does."""

Work = Callable[[], object]


def in_child(work: Work, faults: Faults) -> int:
    """Run ``work`` in a child with faults; return its wait status: 0 done, 1 an error that users see."""
    pid = os.fork()
    if not pid:
        status = 2
        with contextlib.ExitStack() as stack:
            for patch in faults.patches():
                stack.enter_context(patch)
            try:
                work()
                status = 0
            except SandboxError:
                status = 1
            finally:
                os._exit(status)
    return os.waitpid(pid, 0)[1]


def is_sound(venv: Path, before: Snapshot, *, installed: bool = False) -> list[str]:
    """Return what is neither plain nor sandboxed."""
    wrong = []
    for name, (mode, content, _) in before.items():
        folder, _, entry = name.partition("/")
        if folder != "bin" or not entry or "/" in entry:
            continue
        path, apart = venv / "bin" / entry, venv / "sandbox" / "bin" / entry
        if entry in ("data.txt", "folder"):
            ok = os.path.lexists(path) or os.path.lexists(apart)
        elif path.is_symlink():
            ok = os.fsencode(os.readlink(path)) == content
        elif not path.exists():
            ok = False
        elif looks_like_launcher(path.read_bytes()):
            ok = installed or (
                os.fsencode(os.readlink(apart)) == content if apart.is_symlink() else apart.read_bytes() == content
            )
            ok = ok and bool(path.stat().st_mode & 0o111)
        else:
            ok = path.read_bytes().startswith(content) and path.stat().st_mode == mode
        if not ok:
            wrong.append(name)
    return wrong


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written."""
    monkeypatch.setattr(os, "fsync", mock.Mock())


def test_killed_while_wrapping(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    for step in range(1, STEPS):
        status = in_child(lambda: wrap_venv(venv, state=state), Faults(step, kill))
        assert not is_sound(venv, before), step
        if not status:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        if step % 2 and find_record(state, venv):
            unwrap_venv(venv, state)
            assert snapshot(venv) == before, step
            continue
        wrap_venv(venv, state=state)
        assert (venv / "bin" / "pip").read_bytes() != before["bin/pip"][1]
        assert not (venv / "sandbox" / "new").exists()
        unwrap_venv(venv, state)
        assert snapshot(venv) == before, step
    else:
        pytest.fail("no end")
    assert step > 50


def test_killed_while_unwrapping(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    for step in range(1, STEPS):
        if not find_record(state, venv):
            wrap_venv(venv, state=state)
        status = in_child(lambda: unwrap_venv(venv, state), Faults(step, kill))
        assert not is_sound(venv, before), step
        if not status:
            break
        if step % 2:
            wrap_venv(venv, state=state)
            assert looks_like_launcher((venv / "bin" / "python").read_bytes())
        if find_record(state, venv):
            unwrap_venv(venv, state)
        assert snapshot(venv) == before, step
    else:
        pytest.fail("no end")
    assert step > 50


def test_killed_while_taking_over(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    for step in range(1, STEPS):
        record = find_record(state, venv)
        assert record is not None
        new, gone = venv / "sandbox" / "bin" / f"new{step}", venv / "sandbox" / "bin" / f"new{step - 1}"
        new.write_text("#!/bin/sh\n")
        new.chmod(0o755)
        gone.unlink(missing_ok=True)
        status = in_child(partial(adopt, record, state), Faults(step, kill))
        assert not is_sound(venv, before, installed=True), step
        if not status:
            break
        adopt(record, state)
        assert looks_like_launcher((venv / "bin" / new.name).read_bytes())
        assert not (venv / "bin" / gone.name).exists()
    else:
        pytest.fail("no end")
    assert step > 5


def test_disk_full_while_wrapping_leaves_a_plain_venv(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    for step in range(1, STEPS):
        status = in_child(lambda: wrap_venv(venv, state=state), Faults(step, disk_full))
        if not status:
            break
        assert os.waitstatus_to_exitcode(status) == 1, step
        assert snapshot(venv) == before, step
        assert not find_record(state, venv)
    else:
        pytest.fail("no end")
    assert step > 30


def test_disk_full_while_wrapping_again_keeps_what_was(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state, options=[b"--unshare-net"])
    for step in range(1, STEPS):
        status = in_child(lambda: wrap_venv(venv, state=state, options=[b"--share-net"]), Faults(step, disk_full))
        if not status:
            break
        assert os.waitstatus_to_exitcode(status) == 1, step
        assert not is_sound(venv, before), step
        assert read_record(state.venv_dir(venv)).options == ("--unshare-net",)
        assert looks_like_launcher((venv / "bin" / "python").read_bytes())
    else:
        pytest.fail("no end")
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


def test_disk_full_while_unwrapping_keeps_it_sandboxed(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    for step in range(1, STEPS):
        status = in_child(lambda: unwrap_venv(venv, state), Faults(step, disk_full))
        if not status:
            break
        assert os.waitstatus_to_exitcode(status) == 1, step
        assert not is_sound(venv, before), step
        assert find_record(state, venv)
        assert looks_like_launcher((venv / "bin" / "python").read_bytes())
    else:
        pytest.fail("no end")
    assert snapshot(venv) == before
