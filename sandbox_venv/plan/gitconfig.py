"""What git's settings name in the project: included files, hooks, scripts. Git is never run.

A read-only ``.git/config`` protects nothing where it says ``include.path = ../shared.cfg``, ``core.hooksPath = hooks``
or ``core.fsmonitor = ./watch.sh``: these would be written in its place. git-config(1).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from ..launch.nested import git_directory
from ..state import read_regular
from .expose import is_below

MAX_SIZE = 256 << 10
MOST_FILES = 64
"""Files of settings that are read for one project."""

PLAIN_SECTIONS = ("user", "branch", "remote", "submodule", "url", "lfs", "push", "fetch")
"""Sections whose values are never executed: a name like ``main`` there may be a file's by chance."""


def settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield (``section.key``, value) of each setting, subsections left out; what can't be read is passed over."""
    section = ""
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for raw in lines:
        line = raw.strip()
        if line.startswith("["):
            head, _, line = line[1:].partition("]")
            section = head.split('"')[0].strip().lower().split(".")[0]
            line = line.strip()
        if not line or line[0] in "#;":
            continue
        while line.endswith("\\"):
            line = line[:-1] + next(lines, "")
        key, _, value = line.partition("=")
        yield f"{section}.{key.strip().lower()}", unquoted(value)


def unquoted(value: str) -> str:
    """Return a value without the file's own quotes, escapes and comment."""
    found, quoted = [], False
    items = iter(value.strip())
    for char in items:
        if char == '"':
            quoted = not quoted
        elif char == "\\":
            found.append(next(items, ""))
        elif char in "#;" and not quoted:
            break
        else:
            found.append(char)
    return "".join(found).strip()


def words_of(value: str) -> list[str]:
    """Return what of a command line may name a file."""
    try:
        words = shlex.split(value.lstrip("!"))
    except ValueError:
        words = value.split()
    return [value, *words[:8]]


def config_files(path: str, project: str) -> list[str]:
    """Return the settings of the repository whose ``.git`` is at ``path``."""
    folders = [path]
    if not os.path.isdir(path) or os.path.islink(path):
        folders = [os.fsdecode(git_directory(os.fsencode(path), os.fsencode(project)))]
        try:
            common = read_regular(f"{folders[0]}/commondir", 4096).decode("utf-8", "surrogateescape").strip()
            folders.append(os.path.normpath(os.path.join(folders[0], common)))
        except (OSError, ValueError):
            pass
    return [f"{folder}/{name}" for folder in folders if folder for name in ("config", "config.worktree")]


def named_files(repositories: list[str], project: str) -> tuple[list[str], list[str]]:
    """Return (what settings name in the project, settings files that were read).

    Args:
        repositories: paths that end in ``.git``.
        project: the project; what lies elsewhere no session can write.
    """
    found: dict[str, None] = {}
    queue = [(name, os.path.dirname(path)) for path in repositories for name in config_files(path, project)]
    looked: list[str] = []
    for name, top in queue:  # it grows while it is read
        if name in looked or len(looked) == MOST_FILES or not is_below(name, project):
            continue
        try:
            text = read_regular(name, MAX_SIZE).decode("utf-8", "surrogateescape")
        except (OSError, ValueError):
            continue
        looked.append(name)
        for key, value in settings(text):
            if "\0" in value or key.partition(".")[0] in PLAIN_SECTIONS:
                continue
            if key in ("include.path", "includeif.path"):
                target = os.path.normpath(os.path.join(os.path.dirname(name), os.path.expanduser(value)))
                queue.append((target, top))
                found |= dict.fromkeys(existing([target], project))
                continue
            places = [os.path.normpath(os.path.join(top, os.path.expanduser(word))) for word in words_of(value) if word]
            found |= dict.fromkeys(existing(places, project, folders=key == "core.hookspath"))
    return list(found), looked


def existing(paths: list[str], project: str, *, folders: bool = False) -> list[str]:
    """Return those that are files (or directories) below the project, and what links among them lead to there."""
    both = [place for path in paths for place in (path, os.path.realpath(path))]
    there = [path for path in dict.fromkeys(both) if path != project and is_below(path, project)]
    there = [path for path in there if not os.path.islink(path)]
    return [path for path in there if os.path.isfile(path) or (folders and os.path.isdir(path))]
