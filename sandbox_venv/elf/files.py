"""Open files that may be hostile, and find the ELF files of a directory tree."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from .facts import FactsCache, FileKey
from .parallel import read_all, workers_for
from .parse import ElfFacts, MalformedElf, parse_elf, text_length

OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""Neither a link nor a FIFO nor a terminal does anything to us when it is opened this way."""

NOT_REGULAR = "not a regular file"
MAX_TEXT = 16 << 20
"""Characters of names and paths in all files; a file has some hundred."""
MAX_DEPTH = 64
MAX_ENTRIES = 2_000_000
"""Directory entries a tree; the largest venvs seen have some 200,000."""
MAX_CANDIDATES = 20_000
"""Files opened a tree; torch with CUDA and everything around it has under 3,000."""

PLAIN_SUFFIXES = frozenset(
    f".{word}"
    for word in (
        *("py", "pyc", "pyi", "pyx", "pxd", "pxi", "pth", "typed", "whl", "lock", "log", "tmpl", "j2", "sh", "bat"),
        *("txt", "md", "rst", "json", "toml", "yaml", "yml", "cfg", "ini", "xml", "html", "css", "js", "ts", "map"),
        *("csv", "tsv", "dat", "npy", "npz", "pkl", "gz", "bz2", "xz", "zip", "mo", "po", "pdf", "ps1", "tcl"),
        *("png", "jpg", "jpeg", "gif", "svg", "ico", "ttf", "afm", "otf", "woff", "woff2"),
        *("c", "h", "hpp", "hh", "cpp", "cc", "cu", "cuh", "inc", "f", "f90", "a", "o", "lib"),
    )
)
"""Extensions of files that no loader opens; not even stat(2) is called on them."""


_PYTHON = (".py", ".pyc", ".pyi")
"""Most names of a venv, told apart before anything is called."""


class Files:
    """The facts of files, each read once; from the cache where there is one."""

    def __init__(self, cache: FactsCache | None) -> None:
        self._cache = cache
        self._seen: dict[str, ElfFacts | str] = {}
        self._text = MAX_TEXT

    def facts(self, real: str) -> ElfFacts | str:
        """Return the facts of the regular file at *real*, or why it has none. Never raises."""
        known = self._seen.get(real)
        if known is not None:
            return known
        key = _key(real)
        if isinstance(key, str):
            return self._keep(real, key)
        cached = self._cache.get(key) if self._cache else None
        return self._learn(real, read_facts(real), key) if cached is None else self._keep(real, cached)

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read files that will be asked for, on all cores where that pays."""
        keys = {}
        for path in paths:
            if path not in self._seen and isinstance(key := _key(path), FileKey):
                keys[path] = key
        if self._cache:
            self._cache.ask(keys.values())
        missed: dict[str, FileKey] = {}
        for path, key in keys.items():
            cached = self._cache.get(key) if self._cache else None
            if cached is None:
                missed[path] = key
            else:
                self._keep(path, cached)
        workers = workers_for(len(missed))
        if workers > 1:
            for path, found in read_all(tuple(missed), read_facts, workers).items():
                self._learn(path, found, missed[path])

    def _learn(self, real: str, found: ElfFacts | str, key: FileKey) -> ElfFacts | str:
        """Remember what was just read, in the cache too."""
        if self._cache and not isinstance(found, str):
            self._cache.put(key, found)
        return self._keep(real, found)

    def _keep(self, real: str, found: ElfFacts | str) -> ElfFacts | str:
        """Remember facts; the text of all of them is bounded."""
        if not isinstance(found, str):
            self._text -= text_length(found)
            if self._text < 0:
                found = "too much text in the files so far"
        self._seen[real] = found
        return found


def _key(real: str) -> FileKey | str:
    """Return what the cache knows a regular file by, or why the path names none."""
    try:
        status = os.lstat(real)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return FileKey.of(status) if stat.S_ISREG(status.st_mode) else NOT_REGULAR


def read_facts(real: str) -> ElfFacts | str:
    """Read the facts of the file at *real*, or say why it has none. Never raises."""
    try:
        fd = os.open(real, OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    try:
        status = os.fstat(fd)
        return parse_elf(fd, status.st_size) if stat.S_ISREG(status.st_mode) else NOT_REGULAR
    except MalformedElf as error:
        return str(error)
    except OSError as error:
        return error.strerror or "cannot be read"
    finally:
        os.close(fd)


@dataclass(slots=True)
class Tree:
    """What a scan of one directory tree found."""

    files: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def scan_tree(top: str) -> Tree:
    """List the files below *top* that may be ELF files, without opening one.

    A file is a candidate if its name ends in ``.so`` or has ``.so.`` in it, or, for any other name but
    those of ``PLAIN_SUFFIXES``, if it has an execute bit. Links are not followed (what they name inside the
    tree is found where it is, what is outside is none of the tree's), nor are ``__pycache__``, FIFOs, sockets
    and devices looked at.
    """
    tree = Tree()
    entries = 0
    pending = [(top, 0)]
    while pending:
        directory, depth = pending.pop()
        try:
            listing = os.scandir(directory)
        except (OSError, ValueError) as error:
            if depth == 0:
                tree.refused.append((directory, getattr(error, "strerror", None) or "cannot be read"))
            continue
        try:
            with listing:
                for entry in listing:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False):
                        if depth < MAX_DEPTH and entry.name != "__pycache__":
                            pending.append((entry.path, depth + 1))
                    elif not entry.name.endswith(_PYTHON) and is_candidate(entry):
                        tree.files.append(entry.path)
                    if entries > MAX_ENTRIES or len(tree.files) >= MAX_CANDIDATES:
                        tree.refused.append((directory, "too many files; the rest was not looked at"))
                        pending.clear()
                        break
        except OSError as error:
            tree.refused.append((directory, error.strerror or "cannot be read"))
    tree.files.sort()
    return tree


def is_candidate(entry: os.DirEntry[str]) -> bool:
    """Say whether the file is worth opening; see scan_tree for the rule."""
    name = entry.name
    if name[name.rfind(".") :] in PLAIN_SUFFIXES:
        return False
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        if name.endswith(".so") or ".so." in name:
            return True
        return entry.stat(follow_symlinks=False).st_mode & 0o111 != 0
    except OSError:
        return False
