"""The project's ``.env``: data that a session may have written, read with that in mind."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from typing import NamedTuple

from ..launch.call import VARIANT_NAMES

MAX_SIZE = 64 << 10
CONTROL = ("BWRAP_ARGS", "SANDBOX_")
"""Names (or their starts) that loosen the sandbox: they count only from a file that was trusted outside."""
SETTINGS = ("SANDBOX_ENV", *map(os.fsdecode, VARIANT_NAMES))
MENTIONED = re.compile(r"\b(?:BWRAP_ARGS|SANDBOX_[A-Z_]+)\b")


class DotEnv(NamedTuple):
    """What ``.env`` says.

    Attributes:
        variables: what is set inside.
        control: names that loosen the sandbox.
        digest: SHA-256 of the file, hexadecimal; empty where there is none.
        problem: why it was not read, or empty.
        mentioned: names of such variables anywhere in it, whatever syntax another reader of it understands.
    """

    variables: dict[str, str]
    control: dict[str, str]
    digest: str = ""
    problem: str = ""
    mentioned: tuple[str, ...] = ()


def read_file(path: str) -> tuple[bytes, str]:
    """Return (content, problem): a regular file of bounded size, no link followed, no waiting on a FIFO."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b"", ""
    except OSError as error:
        return b"", error.strerror or "cannot be opened"
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return b"", "it is not a regular file"
        if status.st_size > MAX_SIZE:
            return b"", f"it is larger than {MAX_SIZE} bytes"
        return os.read(fd, MAX_SIZE + 1), ""
    finally:
        os.close(fd)


def parse(text: str) -> dict[str, str | None]:
    """Return what a text says; of the lines that can't be read, the first is said on stderr: there may be thousands."""
    import logging  # most projects have no such file

    from dotenv import dotenv_values

    said: list[object] = []

    def is_first(record: logging.LogRecord) -> bool:
        said.append(record)
        return len(said) == 1

    logger = logging.getLogger("dotenv.main")
    logger.addFilter(is_first)
    try:
        return dotenv_values(stream=io.StringIO(text), interpolate=False)
    finally:
        logger.removeFilter(is_first)


def read_dotenv(path: str) -> DotEnv:
    """Read ``.env`` with python-dotenv, without interpolation; nothing in it is ever executed."""
    data, problem = read_file(path)
    if problem or not data:
        return DotEnv({}, {}, problem=problem, mentioned=SETTINGS if problem else ())
    text = data.decode("utf-8", "surrogateescape")
    if "\0" in text:
        return DotEnv({}, {}, problem="it holds a NUL byte", mentioned=SETTINGS)
    values = {
        name: value
        for name, value in parse(text).items()
        if value is not None and name and "=" not in name and "\0" not in value
    }
    control = {name: value for name, value in values.items() if name.startswith(CONTROL)}
    variables = {name: value for name, value in values.items() if name not in control}
    mentioned = tuple(sorted({*control, *MENTIONED.findall(text)}))
    return DotEnv(variables, control, hashlib.sha256(data).hexdigest(), mentioned=mentioned)
