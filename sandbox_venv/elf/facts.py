"""Facts about ELF files that were read before: one SQLite file a user, shared by all venvs.

It is a cache and no more: whatever is wrong with it (another owner, a link in its place, damage, a full disk, a
busy lock) costs the time to read the files again, never an error and never a wrong fact. So it is written without
fsync(2), and each row carries a checksum over its key and its text, which a row torn by a power cut fails.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from .parse import ElfFacts

SCHEMA = 1
"""Part of the file's name: an older or newer tool doesn't touch it. Raise it when ElfFacts or a row changes."""
BUSY_SECONDS = 0.5
MAX_PAGES = 16_384
"""64 MiB, some 200,000 files; beyond it the older half goes."""
KEYS_A_QUERY = 400
"""SQLite takes 999 variables at least."""
SETTLED_NS = 2_000_000_000
"""A file that changed so shortly ago may change again within one tick of its filesystem's clock, unseen."""

_NO_DAMAGE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    )
)
"""Errors of the moment: the file may be sound and others at work on it, so it stays."""
_NAMES = "dev, ino, size, mtime, ctime, text, checksum"
_SETUP = (
    "PRAGMA synchronous = OFF",
    "PRAGMA trusted_schema = OFF",
    f"PRAGMA max_page_count = {MAX_PAGES}",
    (
        "CREATE TABLE IF NOT EXISTS facts (dev INTEGER, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER,"
        " text TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (dev, ino))"
    ),
)


_T = TypeVar("_T")
_Row = tuple[int, int, int, int, int, str, int]


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
        # SQLite's integers are signed; device and inode numbers are not.
        return cls(
            _signed(status.st_dev), _signed(status.st_ino), status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


def dump_facts(facts: ElfFacts) -> list[object]:
    """Return facts as what JSON can hold."""
    return [*facts]


def load_facts(values: list[Any]) -> ElfFacts:
    """Return the facts that dump_facts() was given."""
    restored: list[Any] = [tuple(value) if isinstance(value, list) else value for value in values]
    return ElfFacts(*restored)


class FactsCache:
    """The cache in a directory; use it as a context manager, writes happen at its end (or at flush()).

    Args:
        directory: created with mode 0700 where it is missing. It must be the user's own, without write access
            for others and no link; else the cache works without a disk, see ``problem``.

    Attributes:
        problem: why nothing is read or written, or None.
    """

    def __init__(self, directory: Path) -> None:
        self.problem: str | None = None
        self._path = directory / f"elf-facts-{SCHEMA}.sqlite"
        self._connection: sqlite3.Connection | None = None
        self._known: dict[FileKey, ElfFacts | None] = {}
        self._fresh: dict[FileKey, ElfFacts] = {}
        self._rebuilt = False
        try:
            _make_directory(directory)
        except OSError as error:
            self.problem = f"{directory}: {error.strerror or error}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, key: FileKey) -> ElfFacts | None:
        """Return what is known of the file that *key* describes."""
        if key not in self._fresh and key not in self._known:
            self.ask((key,))
        return self._fresh.get(key) or self._known.get(key)

    def ask(self, keys: Iterable[FileKey]) -> None:
        """Read what is known of many files in few queries; get() answers from memory then, also for the others."""
        wanted = [key for key in keys if key not in self._fresh and key not in self._known]
        for start in range(0, len(wanted), KEYS_A_QUERY):
            some = wanted[start : start + KEYS_A_QUERY]
            self._known.update(dict.fromkeys(some))
            self._known.update(self._guarded(functools.partial(_read, keys=some)) or {})

    def put(self, key: FileKey, facts: ElfFacts) -> None:
        """Remember facts; on disk after flush(), unless the file changed within the last two seconds."""
        self._fresh[key] = facts

    def flush(self) -> None:
        """Write what is new, in one transaction, or not at all."""
        oldest = time.time_ns() - SETTLED_NS
        rows = [_row(key, facts) for key, facts in self._fresh.items() if key.ctime_ns < oldest]
        self._known.update(self._fresh)
        self._fresh = {}
        if rows:
            self._guarded(lambda connection: _write(connection, rows))

    def close(self) -> None:
        """Write what is new and close the file. The cache still answers from memory."""
        self.flush()
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Run *work* on the open file; damage has it rebuilt once, anything else ends the use of the disk."""
        for _ in range(2):
            if self.problem is not None:
                return None
            try:
                if self._connection is None:
                    self._connection = _open(self._path)
                return work(self._connection)
            except (sqlite3.Error, ValueError, OverflowError) as error:
                if self._rebuilt or getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_DAMAGE:
                    self._fail(str(error))
                    return None
                self._rebuilt = True
                self._remove()
            except OSError as error:
                self._fail(error.strerror or str(error))
        return None

    def _fail(self, reason: str) -> None:
        self.problem = f"{self._path}: {reason}"
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _remove(self) -> None:
        """Remove a damaged file, so that the next open makes a new one."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        for suffix in ("-journal", ""):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{suffix}")


def _signed(number: int) -> int:
    """Return the number with the same 64 bits that SQLite can store."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _make_directory(directory: Path) -> None:
    """Make the directory if need be; raises OSError where it isn't the user's own."""
    if not os.path.lexists(directory):
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
    status = os.lstat(directory)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(0, "not a directory", str(directory))
    _check_owner(status)


def _check_owner(status: os.stat_result) -> None:
    """Raise OSError unless the file is the user's own and nobody else's to write."""
    if status.st_uid != os.geteuid():
        raise PermissionError(0, f"belongs to user {status.st_uid}")
    if status.st_mode & 0o022:
        raise PermissionError(0, "others may write it")


def _open(path: Path) -> sqlite3.Connection:
    """Open the file; raises OSError where it isn't the user's own, sqlite3.Error where it is damaged."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise PermissionError(0, "not a file of its own")
        _check_owner(status)
    finally:
        os.close(fd)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        for statement in _SETUP:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _row(key: FileKey, facts: ElfFacts) -> _Row:
    text = json.dumps(dump_facts(facts), separators=(",", ":"))
    return (*key, text, _checksum(key, text))


def _checksum(key: FileKey, text: str) -> int:
    return zlib.crc32(f"{tuple(key)}{text}".encode())


def _write(connection: sqlite3.Connection, rows: list[_Row]) -> None:
    """Write rows in one transaction; a cache that is full by our own limit loses its older half first."""
    statement = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)"
    for last in (False, True):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(statement, rows)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            if last or error.sqlite_errorcode != sqlite3.SQLITE_FULL or pages < MAX_PAGES // 2:
                raise
            connection.execute("DELETE FROM facts WHERE rowid <= (SELECT (min(rowid) + max(rowid)) / 2 FROM facts)")
        else:
            return


def _read(connection: sqlite3.Connection, keys: list[FileKey]) -> dict[FileKey, ElfFacts]:
    """Return the facts of those keys whose rows are there, of exactly that file, and whole."""
    places = ", ".join("(?, ?)" for _ in keys)
    query = f"SELECT {_NAMES} FROM facts WHERE (dev, ino) IN (VALUES {places})"  # noqa: S608 - question marks only
    numbers = [number for key in keys for number in key[:2]]
    wanted, found = set(keys), {}
    for *row, text, checksum in connection.execute(query, numbers):
        key = FileKey(*row)
        if key in wanted and isinstance(text, str) and _checksum(key, text) == checksum:
            found[key] = load_facts(json.loads(text))
    return found
