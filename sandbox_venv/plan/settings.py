"""The configuration files: what they say becomes items, each of which tightens the sandbox or loosens it.

``~/.config/sandbox-venv/config.toml`` is the user's. ``[tool.sandbox-venv]`` of the project's pyproject.toml can be
written from inside: what tightens counts at once, what loosens only once it was accepted (``sandbox-venv trust``), and
what tightens and was accepted stays in force whatever the file says later.
"""

from __future__ import annotations

import errno
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SandboxError
from ..policy.schema import Invalid, check, config_schema
from ..state import read_regular
from ..venv.record import Record
from .expose import is_below
from .options import UserOptions, sort_options
from .progress import say_once

TRUSTED = "trusted-config"
MAX_SIZE = 1 << 20
SESSIONS = ("run", "install")
TABLE = "sandbox-venv"
ENTRY = "entry."
OPTION_OF = {
    "libs": "--lib", "allow": "--allow", "presets": "--preset", "limits": "--rlimit", "env.drop": "--unsetenv",
    "env.set": "--setenv",
}  # fmt: skip


class Item(NamedTuple):
    """One setting.

    Attributes:
        session: ``run``, ``install``, ``entry.NAME`` for an entry point alone, or "" for all.
        key: as in the file, ``env.pass`` for the key of a table.
        value: a text, or two for a bind on another path, or for a variable and its value.
    """

    session: str
    key: str
    value: tuple[str, ...]

    @property
    def loosens(self) -> bool:
        """Tell whether it gives a session more than it has by default."""
        return self.key not in ("protect", "hide", "env.drop") and (self.key, self.value) != ("network", ("false",))

    def text(self) -> str:
        """Return it for people."""
        where = f" ({self.session} sessions)" if self.session in SESSIONS else ""
        if self.session.startswith(ENTRY):
            where = f" ({self.session.removeprefix(ENTRY)} alone)"
        return f"{self.key} = {' -> '.join(self.value)}{where}"


@dataclass(slots=True)
class Settings:
    """What the files say for one kind of session.

    Attributes:
        options: what it comes to.
        origins: (option or rule, file) of each, for people.
        absent: paths that will count when they appear.
        ignored: items of the project's file that nobody accepted.
        entries: names of entry points that have settings of their own.
    """

    options: UserOptions = field(default_factory=UserOptions)
    origins: list[tuple[str, str]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    ignored: list[Item] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


def user_path(record: Record) -> Path:
    """Return the path of the user's own file: below the home that was recorded, not where a launch's variables say."""
    return record.home / ".config" / "sandbox-venv" / "config.toml"


def project_path(record: Record) -> Path:
    """Return the path of the project's file."""
    return record.project / "pyproject.toml"


def items_of(data: dict[str, Any]) -> list[Item]:
    """Return the items of checked settings, in order."""
    found = []
    tables = [("", data), *((name, data.get(name, {})) for name in SESSIONS)]
    tables += [(ENTRY + name, table) for name, table in data.get("entry", {}).items()]
    for session, table in tables:
        for key, value in table.items():
            if key in (*SESSIONS, "entry"):
                continue
            if key == "network":
                found.append(Item(session, key, (str(value).lower(),)))
            elif key == "options":
                found.append(Item(session, key, tuple(value)))
            elif key == "env":
                found += [
                    Item(session, f"env.{name}", (word,)) for name in ("drop", "pass") for word in value.get(name, ())
                ]
                found += [Item(session, "env.set", pair) for pair in value.get("set", {}).items()]
            else:
                found += [Item(session, key, (item,) if isinstance(item, str) else tuple(item)) for item in value]
    return found


def parse(text: str, path: Path, *, in_project: bool) -> list[Item]:
    """Return the items of a file.

    Raises:
        SandboxError: it is no TOML, or says something that the schema doesn't know.
    """
    if in_project and TABLE not in text:
        return []
    try:
        data = tomllib.loads(text)
        if in_project:
            data = data.get("tool", {}).get(TABLE, {})
        check(data, config_schema(), config_schema())
    except Invalid as error:
        hint = error.hint or "all keys are in sandbox-venv(1) and docs/reference.md"
        if error.message == "unknown key 'tool'":
            hint = f"here the keys stand by themselves, without [tool.{TABLE}]"
        raise SandboxError(f"read {path}: {error.message}", hint) from None
    except (
        ValueError,
        RecursionError,
        AttributeError,
    ) as error:  # no TOML, or a number of more digits than int() takes
        hint = "mend the file" + (f", or take [tool.{TABLE}] out of it" if in_project else "")
        raise SandboxError(f"read {path}: {error}", hint) from None
    return items_of(data)


def read_file(path: Path, *, in_project: bool) -> list[Item]:
    """Return the items of the file at ``path``, none where there is none. No link is followed to it.

    Raises:
        SandboxError: it can't be read, or taken.
    """
    try:
        data = read_regular(path, MAX_SIZE, own=not in_project)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            reason = "it is a link"
        raise SandboxError(f"read {path}: {reason}", "it must be a regular file of yours") from None
    try:
        return parse(data.decode("utf-8"), path, in_project=in_project)
    except UnicodeDecodeError:
        raise SandboxError(f"read {path}: it is not UTF-8", "TOML files are") from None


def read_accepted(record: Record) -> list[Item]:
    """Return the items of the project's file that were accepted last."""
    try:
        data = json.loads(read_regular(record.folder / TRUSTED, MAX_SIZE, own=True))
        return [Item(session, key, tuple(value)) for session, key, value in data]
    except (OSError, ValueError, TypeError):
        return []


def encode_accepted(items: list[Item]) -> bytes:
    """Return what ``trusted-config`` holds."""
    return json.dumps([[item.session, item.key, list(item.value)] for item in items], indent=1).encode() + b"\n"


def effective(current: list[Item], accepted: list[Item], kind: str = "run") -> tuple[list[Item], list[Item]]:
    """Return (items of the project's file that count in such a session, those that don't), of whatever session.

    Less environment steers an installer, too: without PIP_INDEX_URL it asks the public index. So what was not accepted
    takes no variable from an install session.
    """
    counts = [
        item
        for item in current
        if item in accepted or not (item.loosens or (item.key == "env.drop" and kind == "install"))
    ]
    counts += [item for item in accepted if not item.loosens and item not in current]
    return counts, [item for item in current if item not in counts]


def below_project(name: str, record: Record, origin: Path) -> str:
    """Return the path below the project that ``protect`` and ``hide`` name.

    Raises:
        SandboxError: it leads out of the project, or to the venv.
    """
    path = os.path.normpath(os.path.join(record.project, name))
    project, venv = str(record.project), str(record.venv)
    if path == project or not is_below(path, project) or is_below(path, venv) or is_below(venv, path):
        hint = "what lies elsewhere isn't shown, unless an option or a setting shows it"
        raise SandboxError(f"read {origin}: {name!r} must be a path below the project, and not the venv's", hint)
    return path


def words_of(item: Item, record: Record, settings: Settings, origin: Path) -> list[str]:
    """Return the options that an item of the file ``origin`` comes to.

    Raises:
        SandboxError: it names a path that it can't name, or that isn't there.
    """
    key, value = item.key, item.value
    if key == "network":
        return ["--share-net" if value[0] == "true" else "--unshare-net"]
    if key in ("protect", "hide"):
        path = below_project(value[0], record, origin)
        if not os.path.lexists(path) or os.path.realpath(path) != path:
            settings.absent.append(path)
            return []
        if key == "protect":
            return ["--ro-bind-try", path, path]
        return ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", "/dev/null", path]
    if key in ("read-only", "read-write"):
        paths = [os.path.join(record.project, _expand(word, record)) for word in (*value, value[0])[:2]]
        option = "--ro-bind" if key == "read-only" else "--bind"
        words = [option, *map(os.path.normpath, paths)]
        if not os.path.exists(words[1]):
            hint = f"what may be missing: options = {json.dumps([option + '-try', *words[1:]])}"
            raise SandboxError(f"read {origin}: {key}: there is no {words[1]}", hint)
        return words
    return list(value) if key == "options" else [OPTION_OF[key], *value]


def _expand(word: str, record: Record) -> str:
    return str(record.home) + word[1:] if word == "~" or word.startswith("~/") else word


def _note_entry(settings: Settings, item: Item) -> None:
    name = item.session.removeprefix(ENTRY)
    if name != item.session and name not in settings.entries:
        settings.entries.append(name)


def _add(settings: Settings, items: list[Item], record: Record, origin: Path, sessions: Sequence[str]) -> None:
    for item in items:
        _note_entry(settings, item)
    for item in sorted(items, key=lambda item: item.session.startswith(ENTRY)):  # an entry point's come last, and win
        if item.session not in sessions:
            continue
        if item.key == "env.pass":
            settings.options.env.append(("pass", item.value[0]))
            settings.origins.append((f"pass {item.value[0]}", str(origin)))
            continue
        words = words_of(item, record, settings, origin)
        if words:
            settings.options.merge(sort_options(words, where=str(origin), stored=True))
            settings.origins.append((" ".join(words), str(origin)))


def read_settings(record: Record, kind: str, entries: Sequence[str] = ()) -> Settings:
    """Return what both files say for a kind of session; the project's comes after the user's.

    Args:
        record: what they are for.
        kind: ``run`` or ``install``.
        entries: names that the entry point has here; none for what all have in common.

    Raises:
        SandboxError: one of them can't be read or taken.
    """
    settings = Settings()
    sessions = ("", kind, *(ENTRY + name for name in entries))
    own = user_path(record)
    if not is_below(str(own), str(record.project)):  # else a session could have written it
        _add(settings, read_file(own, in_project=False), record, own, sessions)
    shared = project_path(record)
    counts, ignored = effective(read_file(shared, in_project=True), read_accepted(record), kind)
    _add(settings, counts, record, shared, sessions)
    settings.ignored = [item for item in ignored if item.session in sessions]
    for item in ignored:  # which is said when its entry point's plan is compiled
        _note_entry(settings, item)
    return settings


def say_ignored(record: Record, settings: Settings) -> None:
    """Say in a line what of the project's file doesn't count yet, and in another what of it is for one entry point."""
    own = [item for item in settings.ignored if item.session.startswith(ENTRY)]
    for items in ([item for item in settings.ignored if item not in own], own):
        keys = ", ".join(dict.fromkeys(item.key for item in items))
        text = f"sandbox-venv: warning: {project_path(record)} loosens the sandbox ({keys}): ignored"
        if items:
            say_once(f"{text} (to accept: sandbox-venv trust)")


def stamped(record: Record, settings: Settings) -> list[str]:
    """Return the paths that make a plan stale when they change."""
    return [
        str(user_path(record)), str(project_path(record)), str(record.folder / TRUSTED), *settings.absent,
    ]  # fmt: skip
