"""Files and directories that the machine's package settings and the caller's environment name: shown read-only.

Certificates in every session; local package directories, indexes and constraints in install sessions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..launch.call import CERTIFICATES
from .expose import is_below
from .subject import Subject

PIP_SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf")
PIP_KEYS = {"find-links", "index-url", "extra-index-url", "constraint", "build-constraint", "requirement", "cert"}


def local_path(word: str) -> str:
    """Return the absolute path that a word of such a setting names, "" where it names none on this machine."""
    if word.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        url = urlsplit(word)
        return os.path.normpath(unquote(url.path)) if url.netloc in ("", "localhost") and url.path[:1] == "/" else ""
    return os.path.normpath(word) if word.startswith("/") else ""


def read_pip_settings(paths: Iterable[str] = PIP_SETTINGS) -> Iterator[tuple[str, str]]:
    """Yield (key, value) of the machine's pip.conf, whichever section they are in."""
    import configparser

    for path in paths:
        parser = configparser.RawConfigParser(strict=False)
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                parser.read_file(file)
        except (OSError, configparser.Error):
            continue
        for section in parser.sections():
            for key, value in parser.items(section):
                name = key.replace("_", "-")
                if name in PIP_KEYS:
                    yield f"{name} in {path}", value


def is_too_much(path: str, subject: Subject) -> bool:
    """Tell whether showing ``path`` would show the user's home, the trusted state or everything."""
    real = os.path.realpath(path)
    kept = [subject.home, os.path.realpath(subject.home), *map(os.path.realpath, subject.trusted)]
    return real == "/" or any(is_below(item, real) or is_below(item, path) for item in kept)


def named_paths(subject: Subject, kind: str, files: Iterable[str]) -> list[tuple[str, str]]:
    """Return (path, reason) of what is to be shown besides the policy's own.

    Args:
        subject: what is sandboxed.
        kind: ``run`` or ``install``.
        files: NAME=value of the caller's variables (``launch.call``).
    """
    pairs = []
    for item in files:
        name, _, value = item.partition("=")
        if kind == "install" or os.fsencode(name) in CERTIFICATES:
            pairs.append((name, value))
    if kind == "install":
        pairs += read_pip_settings()
    found = []
    for name, value in pairs:
        for word in value.split():
            path = local_path(word)
            if word.startswith("file:") and os.path.basename(path) == "simple":
                path = os.path.dirname(path)  # an index on disk: its pages link to the files beside it
            if path and not is_below(path, subject.project) and not is_too_much(path, subject):
                found.append((path, f"named by {name}"))
    return found
