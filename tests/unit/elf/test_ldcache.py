"""ld.so.cache is read as the loader reads it."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_venv.elf.ldcache import OLD_MAGIC, read_loader_cache
from tests.support.programs import need
from tests.unit.elf.elves import MACHINE

X86_64 = (64, True, "EM_X86_64")
HWCAP = 1 << 62


def forge_cache(
    entries: Sequence[tuple[str, str, int, int]], names: Sequence[str] = (), *, old: int | None = None, endian: int = 2
) -> bytes:
    """Return a cache of (SONAME, path, flags, hwcap); ``old`` puts an old table of so many entries before it."""
    header, row = 48, 24
    strings = bytearray()
    base = header + len(entries) * row

    def string(text: str) -> int:
        at = base + len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    table = b"".join(
        struct.pack("=iIIIQ", flags, string(key), string(path), 0, hwcap) for key, path, flags, hwcap in entries
    )
    places = [string(name) for name in names]
    strings.extend(bytes(-(base + len(strings)) % 4))
    at = base + len(strings)
    extension = struct.pack("=IIIIII", 0xEAA42174, 1, 1, 0, at + 24, 4 * len(places))
    extension += b"".join(struct.pack("=I", place) for place in places)
    head = struct.pack("=20sIIB3xI12x", b"glibc-ld.so.cache1.1", len(entries), len(strings), endian, at if names else 0)
    new = head + table + bytes(strings) + extension
    if old is None:
        return new
    before = OLD_MAGIC.ljust(12, b"\0") + struct.pack("=I", old) + bytes(12 * old)
    return before + bytes(-len(before) % 8) + new


def lookup(tmp_path: Path, data: bytes, name: str = "liba.so", levels: Sequence[str] = ()) -> str | None:
    path = tmp_path / "cache"
    path.write_bytes(data)
    return read_loader_cache(str(path)).lookup(name, X86_64, levels)


@pytest.mark.parametrize("old", [None, 0, 1, 2, 3])
def test_new_format_is_found_alone_and_behind_the_old_one(tmp_path: Path, old: int | None):
    assert lookup(tmp_path, forge_cache([("liba.so", "/lib/liba.so", 0x303, 0)], old=old)) == "/lib/liba.so"


def test_flags_of_another_abi_are_passed_over(tmp_path: Path):
    data = forge_cache([("liba.so", "/lib32/liba.so", 0x3, 0), ("liba.so", "/lib/liba.so", 0x303, 0)])
    assert lookup(tmp_path, data) == "/lib/liba.so"
    assert lookup(tmp_path, forge_cache([("liba.so", "/lib32/liba.so", 0x3, 0)])) is None


def test_best_level_of_this_cpu_wins_wherever_it_stands(tmp_path: Path):
    names = ["x86-64-v2", "x86-64-v3", "x86-64-v4"]
    entries = [("liba.so", f"/{name}", 0x303, HWCAP | index) for index, name in enumerate(names)]
    data = forge_cache([*entries, ("liba.so", "/plain", 0x303, 0)], names)
    assert lookup(tmp_path, data, levels=["x86-64-v3", "x86-64-v2"]) == "/x86-64-v3"
    assert lookup(tmp_path, data, levels=["x86-64-v2"]) == "/x86-64-v2"
    assert lookup(tmp_path, data) == "/plain"


def test_isa_level_bits_are_ignored_and_old_hwcaps_passed_over(tmp_path: Path):
    isa = HWCAP | (3 << 32)
    data = forge_cache([("liba.so", "/old", 0x303, 1 << 5), ("liba.so", "/v2", 0x303, isa)], ["x86-64-v2"])
    assert lookup(tmp_path, data, levels=["x86-64-v2"]) == "/v2"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        forge_cache([("liba.so", "/lib/liba.so", 0x303, 0)])[:60],
        forge_cache([("liba.so", "/lib/liba.so", 0x303, 0)], endian=3),
        OLD_MAGIC + b"\0" + struct.pack("=I", 0xFFFFFFFF),
    ],
)
def test_damaged_and_foreign_caches_are_empty(tmp_path: Path, data: bytes):
    assert lookup(tmp_path, data) is None


def test_missing_cache_is_empty(tmp_path: Path):
    assert read_loader_cache(str(tmp_path / "none")).entries == {}


@settings(max_examples=200, deadline=500)
@given(flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12), end=st.integers(0, 400))
def test_no_damage_raises(tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], end: int):
    data = bytearray(forge_cache([("liba.so", "/lib/liba.so", 0x303, HWCAP)] * 3, ["x86-64-v2"], old=2))
    for at, value in flips:
        data[at % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(bytes(data[: end or None]))
    read_loader_cache(str(path)).lookup("liba.so", X86_64, ["x86-64-v2"])


@pytest.mark.skipif(MACHINE != "EM_X86_64", reason="the flags of other machines are printed in other words")
def test_this_machines_cache_is_what_ldconfig_prints():
    program = need("ldconfig") if Path("/sbin/ldconfig").exists() is False else "/sbin/ldconfig"
    printed = subprocess.run([program, "-p"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    wanted: dict[str, str] = {}
    for line in printed:
        name, _, rest = line.strip().partition(" (")
        words, _, path = rest.rpartition(" => ")
        if words.startswith("libc6,x86-64") and "hwcap" not in words:
            wanted.setdefault(name, path)
    assert wanted
    cache = read_loader_cache()
    assert {name: cache.lookup(name, X86_64, ()) for name in wanted} == wanted
