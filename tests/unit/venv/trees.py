"""Small venvs, what is in them, and faults at each step that changes a disk."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

from sandbox_venv.state import StateDir, open_state
from tests.harness import system_python

Snapshot = dict[str, tuple[int, bytes, int]]
"""Path below the venv -> mode, contents (a link's target), time of a file or link."""

CHANGES = ("link", "rename", "replace", "unlink", "mkdir", "rmdir", "symlink", "write", "fchmod", "utime", "open")
NEED_ROOM = ("link", "symlink", "mkdir", "write", "open")


def make_state(folder: Path) -> StateDir:
    return open_state({"XDG_STATE_HOME": str(folder), "HOME": "/nonexistent"})


def make_small_venv(path: Path, python: str | None = None) -> Path:
    """Write what ``python -m venv`` makes, but for packages; no interpreter is run."""
    real = os.path.realpath(python or system_python())
    version = Path(real).name.removeprefix("python")
    for name in ("bin", f"lib/python{version}/site-packages", "include"):
        (path / name).mkdir(parents=True)
    (path / "lib64").symlink_to("lib")
    (path / "pyvenv.cfg").write_text(
        f"home = {Path(real).parent}\ninclude-system-site-packages = false\nversion = {version}.0\n"
    )
    (path / "bin" / "python").symlink_to(real)
    (path / "bin" / "python3").symlink_to("python")
    (path / "bin" / "pip").write_bytes(b"#!" + bytes(path) + b"/bin/python\nimport pip\n")
    (path / "bin" / "pip").chmod(0o755)
    for name in ("activate", "activate.fish", "activate.csh", "Activate.ps1", "activate_this.py"):
        (path / "bin" / name).write_text(f"# {name}: no newline at the end")
    (path / "bin" / "data.txt").write_text("not executable")
    (path / "bin" / "folder").mkdir()
    (path / "bin" / "folder" / "file").write_text("in a folder")
    (path / "bin" / "away").symlink_to("../lib/nowhere")
    return path


def snapshot(venv: Path) -> Snapshot:
    found: Snapshot = {}
    for top, folders, files in os.walk(venv):
        for name in folders + files:
            path = os.path.join(top, name)
            status = os.lstat(path)
            if os.path.islink(path):
                content = os.fsencode(os.readlink(path))
            else:
                content = Path(path).read_bytes() if os.path.isfile(path) else b""
            when = 0 if os.path.isdir(path) and not os.path.islink(path) else status.st_mtime_ns
            found[os.path.relpath(path, venv)] = (status.st_mode, content, when)
    return found


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(name: str) -> None:
    if name in NEED_ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Faults:
    """Calls ``fault`` with the name of each function that changes a disk, from the ``first`` such call on."""

    def __init__(self, first: int, fault: Callable[[str], None]) -> None:
        self.first = first
        self.fault = fault
        self.count = 0

    def patches(self) -> list[AbstractContextManager[object]]:
        return [mock.patch.object(os, name, self._patched(name)) for name in CHANGES] + [
            mock.patch.object(os, "fsync", return_value=None)
        ]

    def _patched(self, name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object, **more: object) -> object:
            creates = name != "open" or (len(args) > 1 and isinstance(args[1], int) and args[1] & os.O_CREAT)
            if creates:
                self.count += 1
                if self.count >= self.first:
                    self.fault(name)
            return real(*args, **more)

        return call
