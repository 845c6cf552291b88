"""The part of a sandbox that a session can write, and what protects the rest of it: the plan's slots."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from .expose import is_below
from .subject import Subject


@dataclass(slots=True)
class Layout:
    """Slots in order, each with its reason, and what the launcher needs to know about them.

    Attributes:
        lines: ((kind, first, second), reason).
        pins: directories directly below ``$HOME`` that are read-only tmpfs.
        protected: paths below the project's top that are read-only, to be remembered (``plan/protected.py``).
        watched: files that say which these are; the plan is stale when one changes.
    """

    lines: list[tuple[tuple[str, str, str], str]] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)

    def add(self, kind: str, first: str = "", second: str = "", *, why: str) -> None:
        """Append a slot."""
        self.lines.append(((kind, first, second), why))

    def option(self, words: Iterable[str], *, why: str) -> None:
        """Append a bubblewrap option of any number of arguments."""
        items = list(words)
        self.add(items[0], *items[1:3], why=why)
        for at in range(3, len(items), 2):
            self.add("+", *items[at : at + 2], why=why)


def first_component(path: str, root: str) -> str:
    """Return the first component of ``path`` below ``root``."""
    return path[len(root.rstrip("/")) + 1 :].split("/", 1)[0]


def session_subject(subject: Subject, kind: str) -> Subject:
    """Return the subject with the home that a session of that kind has.

    Install sessions have a home and a cache of their own in ``.venv/sandbox``, which no other session sees: what a
    program leaves in its home (``pip.conf``, packages, a poisoned cache) must not steer what may write the venv.
    """
    if kind != "install" or not subject.originals:
        return subject
    folder = f"{subject.venv}/sandbox"
    return subject._replace(private_home=f"{folder}/home", private_cache=f"{folder}/cache")


def add_home(layout: Layout, subject: Subject, below: Iterable[tuple[str, bool]], *, keep_own: bool) -> None:
    """Mount the private home and pin what lies between it and the mounts below it.

    Args:
        layout: what is added to.
        subject: what is sandboxed.
        below: (mount point below ``$HOME``, is a directory).
        keep_own: the user bound something of their own on ``$HOME``.
    """
    home = subject.home
    if keep_own:
        return
    if subject.venv and subject.private_home == f"{subject.venv}/sandbox/home":
        for name in ("home", "cache"):
            layout.add("point-dir", f"{subject.venv}/sandbox", name, why="install sessions have a home of their own")
    layout.add("rw", subject.private_home, home, why="the private home")
    layout.add("point-dir", subject.private_home, ".cache", why="mount point of ~/.cache")
    layout.add("rw", subject.private_cache, f"{home}/.cache", why="the private cache")
    direct, pinned = {}, set()
    for path, folder in below:
        name = first_component(path, home)
        if name == ".cache":
            continue
        if path == f"{home}/{name}":
            direct[name] = folder
        else:
            pinned.add(name)
    for name in sorted(direct.keys() - pinned):
        kind = "point-dir" if direct[name] else "point-file"
        layout.add(kind, subject.private_home, name, why="mount point in the private home")
    for name in sorted(pinned):
        why = "read-only pin: no mount point below it can be led elsewhere"
        layout.add("point-dir", subject.private_home, name, why=why)
        layout.add("--tmpfs", f"{home}/{name}", why=why)
        layout.pins.append(f"{home}/{name}")


def add_pins(layout: Layout, roots: Iterable[str], protected: Iterable[str]) -> None:
    """Bind each directory between a writable root and something protected on itself: then it can't be renamed."""
    pins = set()
    for path in protected:
        for root in roots:
            if path != root and is_below(path, root):
                above = os.path.dirname(path)
                while above != root and is_below(above, root):
                    pins.add(above)
                    above = os.path.dirname(above)
    for path in sorted(pins):
        layout.add("rw-try", path, path, why="pin: it can't be renamed, so what is protected below stays in place")


def add_completions(layout: Layout, venv: str) -> None:
    """Hide where a shell outside finds completions: bash-completion, from 2.12 on, runs files beside PATH's entries.

    So ``git <TAB>`` in an activated venv would run a package's file. What is installed there is gone with the session.
    """
    why = "a shell outside runs what lies there"
    layout.add("point-dir", venv, "share/bash-completion", why=why)
    layout.add("rw", f"{venv}/share", f"{venv}/share", why="pin: it can't be renamed")
    layout.add("--tmpfs", f"{venv}/share/bash-completion", why=why)


def add_venv(layout: Layout, subject: Subject, kind: str) -> None:
    """Mount the venv as the session kind may see it."""
    venv = subject.venv
    if venv is None:
        return
    if kind == "run" or not subject.originals:
        layout.add("ro", venv, venv, why="the venv, read-only")
    else:
        layout.add("rw", venv, venv, why="the venv, writable in an install session")
    if not subject.originals:
        return
    access = "rw" if kind == "install" else "ro"
    layout.add(access, subject.originals, subject.bin, why="the original entry points in the place of the launchers")
    if kind == "install":
        layout.add("ro", f"{venv}/pyvenv.cfg", f"{venv}/pyvenv.cfg", why="says which interpreter the host starts")
        add_completions(layout, venv)
        for name in ("home", "cache"):
            why = "stays in place; seen as $HOME and ~/.cache"
            layout.add("ro-try", f"{venv}/{name}", f"{venv}/{name}", why=why)
    layout.add("--tmpfs", f"{venv}/sandbox", why="hides the launchers' originals")
    layout.add("--remount-ro", f"{venv}/sandbox", why="hides the launchers' originals")
