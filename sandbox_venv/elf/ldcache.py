"""/etc/ld.so.cache, read as the binary file that it is.

Format: glibc's sysdeps/generic/dl-cache.h (2.2 to 2.42): the new format, alone or behind the old one, with the
extension section that names the glibc-hwcaps subdirectories (2.33 and later). Anything else is an empty cache,
as it is to the loader.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

OLD_MAGIC = b"ld.so-1.7.0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
MAX_BYTES = 64 << 20
EXTENSION_MAGIC = 0xEAA42174
EXTENSION_HWCAPS = 1
HWCAP_EXTENSION = 1 << 30
"""In the high half of an entry's hwcap field: the low half is an index into the extension's names."""
HWCAP_ISA_MASK = (1 << 10) - 1
"""The high half's bits for an ISA level (DL_CACHE_HWCAP_ISA_LEVEL_MASK); the loader ignores them here."""

FLAG_ANY = 1
"""FLAG_ELF: a library of no particular C library."""
FLAGS: dict[tuple[int, bool, str], int] = {
    (64, True, "EM_X86_64"): 0x0303,
    (32, True, "EM_X86_64"): 0x0803,
    (32, True, "EM_386"): 0x0003,
    (64, True, "EM_AARCH64"): 0x0A03,
    (64, True, "EM_PPC64"): 0x0503,
    (64, False, "EM_PPC64"): 0x0503,
    (64, False, "EM_S390"): 0x0403,
    (64, True, "EM_RISCV"): 0x1003,
}
"""_DL_CACHE_DEFAULT_ID by ABI. For others the flags are not compared: the file itself is, anyway."""

_HEADER = struct.Struct("=20sIIB3xI12x")
_ENTRY = struct.Struct("=iIIIQ")
_OLD_HEADER_BYTES, _OLD_ENTRY_BYTES = 16, 12


class CacheEntry(NamedTuple):
    """One library: its path, the flags, and the glibc-hwcaps level that it is for ("" = any CPU)."""

    path: str
    flags: int
    hwcaps: str


class LoaderCache(NamedTuple):
    """The entries by SONAME, in the order of the file."""

    entries: dict[str, list[CacheEntry]]

    def lookup(self, name: str, abi: tuple[int, bool, str], levels: Sequence[str]) -> str | None:
        """Return the path that the loader would open, as _dl_load_cache_lookup (elf/dl-cache.c).

        Args:
            name: the SONAME.
            abi: class, byte order and machine of the program.
            levels: glibc-hwcaps levels that this CPU has, best first.
        """
        wanted = FLAGS.get(abi)
        best: tuple[int, str] | None = None
        for entry in self.entries.get(name, ()):
            if wanted is not None and entry.flags not in (wanted, FLAG_ANY):
                continue
            if entry.hwcaps and entry.hwcaps not in levels:
                continue
            rank = levels.index(entry.hwcaps) if entry.hwcaps else len(levels)
            if best is None or rank < best[0]:
                best = (rank, entry.path)
        return None if best is None else best[1]


def read_loader_cache(path: str = "/etc/ld.so.cache") -> LoaderCache:
    """Read the cache; a missing or damaged one is empty, as it is to the loader."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES)
        return LoaderCache(_parse(data))
    except (OSError, struct.error, ValueError):
        return LoaderCache({})


def _parse(data: bytes) -> dict[str, list[CacheEntry]]:
    """Return the entries of the new format; raises struct.error or ValueError where it is damaged."""
    base = 0
    if data.startswith(OLD_MAGIC):
        (count,) = struct.unpack_from("=I", data, 12)
        base = -(-(_OLD_HEADER_BYTES + count * _OLD_ENTRY_BYTES) // 8) * 8
    data = data[base:]
    magic, count, _, endian, extension = _HEADER.unpack_from(data)
    if magic != NEW_MAGIC:
        return {}
    if endian & 3 not in (0, 2 if struct.pack("=H", 1)[0] else 3):
        return {}
    end = _HEADER.size + count * _ENTRY.size
    if end > len(data):
        raise ValueError("the table is longer than the file")
    names = _hwcaps_names(data, extension)
    found: dict[str, list[CacheEntry]] = {}
    for flags, key, value, _, hwcap in _ENTRY.iter_unpack(data[_HEADER.size : end]):
        level = ""
        if hwcap:
            if (hwcap >> 32) & ~HWCAP_ISA_MASK != HWCAP_EXTENSION:
                continue
            index = hwcap & 0xFFFFFFFF
            level = names[index] if index < len(names) else "?"
        found.setdefault(_string(data, key), []).append(CacheEntry(_string(data, value), flags, level))
    return found


def _hwcaps_names(data: bytes, offset: int) -> list[str]:
    """Return the glibc-hwcaps names that the extension section lists."""
    if offset == 0 or offset % 4:
        return []
    magic, count = struct.unpack_from("=II", data, offset)
    if magic != EXTENSION_MAGIC:
        return []
    for index in range(min(count, 64)):
        tag, _, start, size = struct.unpack_from("=IIII", data, offset + 8 + 16 * index)
        if tag == EXTENSION_HWCAPS:
            return [_string(data, value) for (value,) in struct.iter_unpack("=I", data[start : start + size // 4 * 4])]
    return []


def _string(data: bytes, offset: int) -> str:
    return os.fsdecode(data[offset : data.index(b"\0", offset)])
