"""One test session: its shared directory, and the guard by which one of its workers makes a thing for all."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
IN_CI = os.environ.get("CI", "") not in ("", "0", "false")
IS_ROOT = os.geteuid() == 0


@dataclass(frozen=True, slots=True)
class Base:
    """A world-readable directory of one test session, shared by its workers."""

    path: Path

    @classmethod
    def create(cls) -> Base:
        """Make the directory; the controller of the session does it, once."""
        path = Path(tempfile.mkdtemp(prefix=f"sandbox-venv-test-{os.geteuid()}-", dir="/tmp"))
        path.chmod(0o755)
        return cls(path)

    def once(self, name: str, make: Any) -> Any:
        """Return what ``make()`` returned in the first worker that asked for ``name``; the others wait for it."""
        record = self.path / f"{name}.json"
        with (self.path / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not record.exists():
                value = json.dumps(make())
                draft = record.with_suffix(".tmp")
                draft.write_text(value)
                draft.rename(record)
            return json.loads(record.read_text())


def remove_tree(path: Path) -> None:
    """Remove ``path`` with everything in it, read-only directories included."""

    def retry(function: Any, name: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            if os.fspath(name) != os.fspath(path):  # never what is above the tree
                os.chmod(os.path.dirname(name), 0o700)
            if os.path.isdir(name) and not os.path.islink(name):
                os.chmod(name, 0o700)
            function(name)

    for _ in range(5):
        if not os.path.lexists(path):
            return
        shutil.rmtree(path, onerror=retry)


@functools.cache
def system_python() -> str:
    """Return an interpreter of 3.11 or newer that an ordinary user can execute: the tool's, and the venvs'.

    `SANDBOX_VENV_TEST_PYTHON` names another one than the machine's.
    """
    chosen = os.environ.get("SANDBOX_VENV_TEST_PYTHON")
    if chosen:
        return chosen
    names = ["/usr/bin/python3", *(f"/usr/bin/python3.{minor}" for minor in range(20, 10, -1))]
    found = shutil.which("python3")
    if found:
        names.append(found)
    names.append(str(Path(sys.base_prefix, "bin", "python3")))
    for name in names:
        if not os.path.exists(name) or not _everybody_can_read(Path(name).resolve()):
            continue
        check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
        if not subprocess.run([name, "-c", check], capture_output=True, check=False).returncode:
            return name
    message = f"no Python >= 3.11 with venv that every user can execute among {names}"
    raise RuntimeError(message)


def _everybody_can_read(path: Path) -> bool:
    return os.geteuid() != 0 or all(item.stat().st_mode & 0o001 for item in (path, *path.parents))
