"""Facts about ELF files that were read before, shared by all venvs of a user."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from .parse import ElfFacts


class FileKey(NamedTuple):
    """What a file was when its facts were read; any change makes another key."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileKey:
        """Return the key of a file's stat(2)."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class FactsCache:
    def __init__(self, directory: Path) -> None:
        self._known: dict[FileKey, ElfFacts] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def get(self, key: FileKey) -> ElfFacts | None:
        return self._known.get(key)

    def put(self, key: FileKey, facts: ElfFacts) -> None:
        self._known[key] = facts
