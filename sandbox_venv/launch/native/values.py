"""How the values of options are read: as C's strtol(3) and its family read them."""

from __future__ import annotations

import os

from .failure import Usage

LONG_MAX = (1 << 63) - 1
MAX_TMPFS_BYTES = LONG_MAX
SPACE = b" \t\n\v\f\r"


def number(text: bytes, what: bytes = b"fd") -> int:
    """Read a descriptor's or an id's number as C's strtol(3) into an int does; not negative."""
    digits = text.lstrip(SPACE)
    sign = digits[:1]
    digits = digits[1:] if sign in (b"+", b"-") else digits
    if not digits.isdigit():
        raise Usage(b"Invalid %s: %s" % (what, text))
    value = min(int(digits), LONG_MAX) & 0xFFFFFFFF
    if value > 0x7FFFFFFF or (sign == b"-" and value):
        raise Usage(b"Invalid %s: %s" % (what, text))
    return value


def octal(option: bytes, text: bytes) -> int:
    """Read a mode."""
    digits = text.lstrip(SPACE).removeprefix(b"+")
    if not digits.isdigit() or digits.translate(None, b"01234567") or int(digits, 8) > 0o7777:
        raise Usage(option + b" takes an octal argument <= 07777")
    return int(digits, 8)


def read_all(fd: int, text: bytes) -> bytes:
    """Read ``fd`` to its end and close it."""
    chunks = []
    try:
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
        os.close(fd)
    except OSError as error:
        raise Usage(text, error.errno or 0) from None
    return b"".join(chunks)


def size(text: bytes) -> int:
    """Read a number of bytes: decimal, 0octal or 0xhexadecimal."""
    base = 16 if text[:2].lower() == b"0x" else 8 if text.startswith(b"0") else 10
    digits = text[2:] if base == 16 else text
    value = 0
    if digits and not digits.translate(None, b"0123456789abcdefABCDEF"[: base if base < 16 else 22]):
        value = int(digits, base)
    if not 0 < value < 1 << 64:
        raise Usage(b"--size takes a non-zero number of bytes")
    if value > MAX_TMPFS_BYTES:
        raise Usage(b"--size (for tmpfs) is limited to %d" % MAX_TMPFS_BYTES)
    return value
