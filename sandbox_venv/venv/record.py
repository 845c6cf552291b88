"""What is wrapped, with which options, over which base interpreter: ``record.json`` in the trusted state."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..state import read_regular
from .base import BaseInfo

if TYPE_CHECKING:
    from ..state import StateDir

RECORD = "record.json"
VERSION = 1
MAX_SIZE = 8 << 20
BACKENDS = ("auto", "bwrap", "native")
KINDS = ("file", "link", "dir", "other")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that wrap found in ``bin/``.

    Attributes:
        kind: ``file``, ``link``, ``dir`` or ``other`` (left where it is).
        mode: permission bits.
        size: bytes of a file.
        sha256: of a file's contents, hex.
        target: what a link says.
        mtime_ns: a file's or link's time.
    """

    kind: str
    mode: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""
    mtime_ns: int = 0

    def same(self, other: Found | None) -> bool:
        """Tell whether two have the same contents and mode, whatever their times."""
        mine = (self.kind, self.mode, self.size, self.sha256, self.target)
        return other is not None and mine == (other.kind, other.mode, other.size, other.sha256, other.target)


@dataclass(frozen=True, slots=True)
class Record:
    """A wrapped venv. Strings hold non-UTF-8 bytes as os.fsdecode() does.

    Attributes:
        tool_version: of the tool that wrapped it last.
        venv, project: absolute paths.
        home: ``$HOME`` inside: the user's home when it was wrapped.
        backend: ``auto``, ``bwrap`` or ``native``, as asked for.
        options: bubblewrap options, in order.
        base: the base interpreter.
        system_site, copies, conda: see VenvInfo.
        private_home, private_cache: what is mounted as ``$HOME`` and ``~/.cache``.
        code: the copy of the tool that the launchers import.
        interpreter: the tool's own interpreter, which the launchers start.
        earlier: code and interpreter pairs of launchers that a broken-off wrap may have left.
        entries: names of the launchers in ``bin/``.
        found: what wrap found in ``bin/``, by name.
        folder: where the record is (not stored).
    """

    tool_version: str
    venv: Path
    project: Path
    home: Path
    backend: str
    options: tuple[str, ...]
    base: BaseInfo
    system_site: bool
    copies: bool
    conda: bool
    private_home: Path
    private_cache: Path
    code: Path
    interpreter: Path
    entries: tuple[str, ...]
    found: dict[str, Found]
    folder: Path
    earlier: tuple[tuple[str, str], ...] = field(default=())

    @property
    def option_bytes(self) -> list[bytes]:
        """The options as given."""
        return [os.fsencode(option) for option in self.options]


def has_originals(venv: Path) -> bool:
    """Tell whether a venv has the place of its originals: one that is plain, or was made anew, has none."""
    return (venv / "sandbox" / "bin").is_dir()


def encode_record(record: Record) -> bytes:
    """Return the text of a record."""
    data: dict[str, Any] = {"version": VERSION, **asdict(record)}
    del data["folder"]
    return (json.dumps(data, indent=1, sort_keys=True, default=os.fspath) + "\n").encode("ascii")


def write_record(state: StateDir, record: Record) -> None:
    """Write the record to its folder, atomically."""
    state.write_atomic(record.folder / RECORD, encode_record(record))


class _Reader:
    """Takes checked values out of decoded JSON."""

    def __init__(self, data: object) -> None:
        if not isinstance(data, dict):
            raise ValueError("not an object")  # noqa: TRY004 - bad data, like the rest
        self.data = data

    def get(self, name: str, kind: type) -> Any:  # noqa: ANN401
        """Return a value of exactly that type."""
        value = self.data.get(name)
        if type(value) is not kind:
            raise ValueError(f"{name}: not of type {kind.__name__}")
        return value

    def text(self, name: str) -> str:
        value: str = self.get(name, str)
        if "\0" in value:
            raise ValueError(f"{name}: NUL")
        os.fsencode(value)
        return value

    def path(self, name: str) -> Path:
        value = self.text(name)
        if not value.startswith("/") or os.path.normpath(value) != value:
            raise ValueError(f"{name}: not an absolute, normal path")
        return Path(value)

    def optional_path(self, name: str) -> Path | None:
        return None if self.data.get(name) is None else self.path(name)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_Reader({"item": item}).text("item") for item in self.get(name, list))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        pairs = [_Reader({"pair": item}).texts("pair") for item in self.get(name, list)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"{name}: not pairs")
        return tuple((pair[0], pair[1]) for pair in pairs)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            raise ValueError(f"{name}: none of {', '.join(choices)}")
        return value


def _base(reader: _Reader) -> BaseInfo:
    major, minor = reader.get("version", list)
    if type(major) is not int or type(minor) is not int:
        raise ValueError("base version: not numbers")
    return BaseInfo(
        executable=reader.path("executable"),
        prefix=reader.path("prefix"),
        version=(major, minor),
        stdlib=reader.path("stdlib"),
        lib_dynload=reader.optional_path("lib_dynload"),
        site_dirs=tuple(Path(text) for text in reader.texts("site_dirs")),
        links=tuple((Path(path), target) for path, target in reader.pairs("links")),
    )


def is_name(name: str) -> bool:
    """Tell whether ``name`` is one path component."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _found(data: dict[str, object]) -> dict[str, Found]:
    found = {}
    for name, item in data.items():
        if not is_name(name):
            raise ValueError("found: not a name")
        reader = _Reader(item)
        found[name] = Found(
            kind=reader.choice("kind", KINDS),
            mode=reader.get("mode", int) & 0o7777,
            size=reader.get("size", int),
            sha256=reader.text("sha256"),
            target=reader.text("target"),
            mtime_ns=reader.get("mtime_ns", int),
        )
    return found


def decode_record(data: bytes, folder: Path) -> Record:
    """Return the record that ``data`` holds.

    Raises:
        ValueError: anything about it isn't as :func:`encode_record` writes it.
    """
    reader = _Reader(json.loads(data))
    if reader.get("version", int) != VERSION:
        raise ValueError("written by another version of the tool")
    entries = reader.texts("entries")
    if not all(map(is_name, entries)):
        raise ValueError("entries: not a name")
    return Record(
        tool_version=reader.text("tool_version"),
        venv=reader.path("venv"),
        project=reader.path("project"),
        home=reader.path("home"),
        backend=reader.choice("backend", BACKENDS),
        options=reader.texts("options"),
        base=_base(_Reader(reader.get("base", dict))),
        system_site=reader.get("system_site", bool),
        copies=reader.get("copies", bool),
        conda=reader.get("conda", bool),
        private_home=reader.path("private_home"),
        private_cache=reader.path("private_cache"),
        code=reader.path("code"),
        interpreter=reader.path("interpreter"),
        entries=entries,
        found=_found(reader.get("found", dict)),
        folder=folder,
        earlier=reader.pairs("earlier"),
    )


def read_record(folder: Path) -> Record:
    """Read and check ``folder/record.json``.

    Raises:
        SandboxError: it is missing, damaged, or another user could have written it.
    """
    path = folder / RECORD
    try:
        return decode_record(read_regular(path, MAX_SIZE, own=True), folder)
    except FileNotFoundError:
        raise SandboxError(f"read record {str(path)!r}: it isn't there", "wrap the venv again") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = f"wrap the venv again; if it is gone, remove {folder}"
        raise SandboxError(f"read record {str(path)!r}: {reason}", hint) from None


def find_record(state: StateDir, venv: Path, damaged: Callable[[SandboxError], None] | None = None) -> Record | None:
    """Return the record of the venv at the real path ``venv``; None where it isn't wrapped.

    Args:
        state: the state directory.
        venv: as :func:`..inspect.locate` returns it.
        damaged: called where the record is damaged, which then counts as none; without it that is an error.
    """
    folder = state.venv_dir(venv)
    if not os.path.lexists(folder / RECORD):
        return None
    try:
        record = read_record(folder)
    except SandboxError as error:
        problem = error
    else:
        if record.venv == venv:
            return record
        problem = SandboxError(f"read record {str(folder / RECORD)!r}: it is of another venv", "wrap the venv again")
    if damaged is None:
        raise problem
    damaged(problem)
    return None
