"""A wrapped venv that one test after another may spoil: what a test left is removed, what it changed means a new venv."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.base import Base, remove_tree
from tests.support.tool import FEATURES, Tool
from tests.support.users import new_user
from tests.support.venvs import Venv, make_project

Seen = dict[str, tuple[int, ...]]


def look(top: Path, *emptied: str, written: str = "") -> Seen:
    """Return what is at and below ``top``: path -> inode, owner, mode, size, times.

    Of directories in ``emptied`` the contents don't count; nor does the file ``written``, which starts replace.
    """
    found: Seen = {}
    for folder, names, files in os.walk(top):
        for name in ("", *names, *files):
            path = os.path.relpath(os.path.join(folder, name), top)
            status = os.lstat(os.path.join(folder, name))
            found[path] = (status.st_ino, status.st_uid, status.st_gid, status.st_mode)
            if path not in emptied and path != os.path.dirname(written):
                found[path] += (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        names[:] = [name for name in names if os.path.relpath(os.path.join(folder, name), top) not in emptied]
    found.pop(written, None)
    return found


def empty(folder: Path, *kept: str) -> None:
    """Remove everything in a directory but ``kept``."""
    for path in folder.iterdir():
        if path.name not in kept:
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()


PLANS = ("run.plan", "roots")
"""What a start makes in the venv's directory in the state where it has to."""
HOMES = ("home", "cache")
"""What sessions fill in the venv."""


@dataclass(slots=True)
class Reusable:
    """Such a venv, and what it, its directory in the state and the directories above were after a first start."""

    venv: Venv
    state: Path
    tree: Seen
    plans: Seen

    @classmethod
    def make(cls, base: Base, tool: Tool, kind: str, backend: str, *, pip: bool = False) -> Reusable:
        user = new_user(base, kind)
        tool.require(user, *FEATURES[backend])
        venv = make_project(tool, user, backend, pip=pip)
        venv.wrap().check()
        (state,) = (user.home / ".local/state/sandbox-venv/venvs").iterdir()
        made = cls(venv, state, {}, {})
        made.compile()
        made.tree = made._see()[0]
        return made

    def compile(self) -> None:
        """Have a start compile the plan, unless it is there."""
        if not self.plans:
            self.venv.python("pass").check()
            self.plans = self._see()[1]

    def _see(self) -> tuple[Seen, Seen]:
        """Return what a test must not have changed, and what the next start makes anew."""
        state = look(self.state, ".", "lock")
        venv = look(self.venv.path, *HOMES, written="sandbox/sandbox-venv.cache")
        plans = {path: seen for path, seen in state.items() if path.split(os.sep)[0] in PLANS}
        above = (*self.state.parents[:5], self.venv.project)
        tree = {str(folder): look(folder, ".", *os.listdir(folder))["."] for folder in above}
        for top, seen in (("venv", venv), ("state", state)):
            tree |= {f"{top}/{path}": value for path, value in seen.items() if path not in plans}
        return tree, plans

    def restore(self) -> bool:
        """Remove what a test left; tell whether the venv is as it was, but for a plan that has to be compiled."""
        venv, state = self.venv, self.state
        kept = {path.split(os.sep)[1] for path in self.tree if path.startswith("state/")}
        try:
            empty(state, *kept, *PLANS)
            for name in HOMES:  # of install sessions: the first one makes them
                remove_tree(venv.path / "sandbox" / name)
            tree, plans = self._see()
            if tree != self.tree:
                return False
            if plans != self.plans:
                empty(state, *kept)
                self.plans = {}
            for name in HOMES:
                empty(venv.path / name)
            empty(venv.project, venv.path.name)
            for path in (state, *state.parents[:3]):
                siblings = ("code", "facts") if path.name == "venvs" else ()
                empty(path.parent, path.name, *siblings)
            empty(venv.user.home, ".local", venv.project.name)
        except (OSError, KeyError):
            return False
        return True
