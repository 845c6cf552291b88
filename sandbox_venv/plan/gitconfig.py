"""What git's settings name in the project: included files, hooks, scripts. Git is never run.

A read-only ``.git/config`` protects nothing where it says ``include.path = ../shared.cfg``, ``core.hooksPath = hooks``
or ``core.fsmonitor = ./watch.sh``: these would be written in its place. The same goes for the user's own settings and
for those of a repository that the project lies in. git-config(1).
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import SandboxError
from ..launch.nested import DEEPEST, common_directory, git_directory
from ..state import read_regular
from .expose import is_below

MAX_SIZE = 256 << 10
MOST_FILES = 1024
MOST_BYTES = 4 << 20
"""Files of settings that are read for one project, or that they name, and bytes read: with more there is no start."""

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
    folders += [os.fsdecode(common_directory(os.fsencode(folder), os.fsencode(project))) for folder in folders]
    return [f"{folder}/{name}" for folder in folders if folder for name in ("config", "config.worktree")]


def repository_above(project: str) -> str:
    """Return the ``.git`` of the nearest repository that the project lies in, "" where there is none."""
    folder = os.path.dirname(project)
    while folder != "/":
        if os.path.lexists(f"{folder}/.git"):
            return f"{folder}/.git"
        folder = os.path.dirname(folder)
    return ""


class _File(NamedTuple):
    """A file of settings, the top of the work tree that its values start from, whose it is.

    ``outside``: it lies where no session writes (the user's own settings, or those of a repository above the project):
    what it includes is read wherever that lies, and words count as paths only where they look like one.
    """

    name: str
    top: str
    outside: bool = False


def first_files(repositories: list[str], project: str, home: str) -> list[_File]:
    """Return the files of settings that are read whatever others say."""
    above = repository_above(project)
    tops = [project, *([os.path.dirname(above)] if above else [])]
    outside = [_File(name, tops[-1], outside=True) for name in (config_files(above, "") if above else [])]
    names = (f"{home}/.gitconfig", f"{home}/.config/git/config") if home else ()
    outside += [_File(name, top, outside=True) for name in names for top in tops]
    own = [_File(name, os.path.dirname(path)) for path in repositories for name in config_files(path, project)]
    return own + [file for file in outside if not is_below(file.name, project)]


def named_files(repositories: list[str], project: str, home: str = "") -> tuple[list[str], list[str]]:
    """Return (what settings name in the project, settings files that were read).

    Args:
        repositories: paths that end in ``.git``.
        project: the project; what lies elsewhere no session can write.
        home: where the user's own settings are; none are read without it.

    Raises:
        SandboxError: there is no end of settings: decoys, that a session made.
    """
    found: dict[str, None] = {}
    queue = first_files(repositories, project, home)
    looked: dict[tuple[str, str], None] = {}
    left = MOST_BYTES
    while queue:
        file = queue.pop(0)
        if file[:2] in looked or not (file.outside or is_below(file.name, project)):
            continue
        try:
            data = read_regular(file.name, MAX_SIZE)
        except (OSError, ValueError):
            continue
        looked[file[:2]] = None
        left -= len(data)
        included: list[_File] = []
        for key, value in settings(data.decode("utf-8", "surrogateescape")):
            if "\0" in value or key.partition(".")[0] in PLAIN_SECTIONS:
                continue
            if key in ("include.path", "includeif.path"):
                target = os.path.normpath(os.path.join(os.path.dirname(file.name), os.path.expanduser(value)))
                included.append(_File(target, file.top, file.outside and not is_below(target, project)))
                found |= dict.fromkeys(existing([target], project))
                continue
            hooks = key == "core.hookspath"
            words = [word for word in words_of(value) if word and (hooks or "/" in word or not file.outside)]
            places = [os.path.normpath(os.path.join(file.top, os.path.expanduser(word))) for word in words]
            found |= dict.fromkeys(existing(places, project, folders=hooks))
        queue[:0] = included  # before other repositories': these may be decoys
        if left < 0 or max(len(looked), len(found)) > MOST_FILES:
            raise too_many(project, file.name, [name for name, _ in looked])
    return list(found), list(dict.fromkeys(name for name, _ in looked))


def too_many(project: str, last: str, looked: list[str]) -> SandboxError:
    """Return the error for settings without end, with where most of them are: many files, or ``last`` by itself."""
    tops = Counter(name[len(project) + 1 :].split("/", 1)[0] for name in looked if is_below(name, project))
    where = f"{project}/{tops.most_common(1)[0][0]}" if len(looked) > MOST_FILES and tops else last
    text = f"protect what git's settings name in {project}: there are too many of them"
    return SandboxError(text, f"most are in {where}; if a session made it, remove it: rm -r {shlex.quote(where)}")


def existing(paths: list[str], project: str, *, folders: bool = False) -> list[str]:
    """Return those that are files (or directories) below the project, and what links among them lead to there."""
    both = [place for path in paths for place in (path, os.path.realpath(path))]
    there = [path for path in dict.fromkeys(both) if path != project and is_below(path, project)]
    there = [path for path in there if path.count("/", len(project)) <= DEEPEST]
    there = [path for path in there if not os.path.islink(path)]
    return [path for path in there if os.path.isfile(path) or (folders and os.path.isdir(path))]
