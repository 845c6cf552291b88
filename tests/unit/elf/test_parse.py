"""What is read of an ELF file, against pyelftools' own full reader, and what is refused."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_venv.elf.files import scan_tree
from sandbox_venv.elf.parse import DF_1_NODEFLIB, HEAD_BYTES, MAX_DYNAMIC_BYTES, ElfFacts, MalformedElf, parse_elf
from tests.support.programs import need
from tests.unit.elf.elves import build, facts_of, forge, write


def by_pyelftools(path: Path) -> ElfFacts:
    """Read the same with pyelftools' high-level classes."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        found: dict[str, list[str]] = {}
        flags_1 = 0
        interpreter = None
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_INTERP":
                interpreter = segment.get_interp_name()
            if segment["p_type"] != "PT_DYNAMIC":
                continue
            for tag in segment.iter_tags():
                name = tag.entry.d_tag
                if name in ("DT_NEEDED", "DT_RPATH", "DT_RUNPATH", "DT_SONAME"):
                    found.setdefault(name, []).append(getattr(tag, name[3:].lower()))
                elif name == "DT_FLAGS_1":
                    flags_1 = tag.entry.d_val
        runpath = found.get("DT_RUNPATH", [None])[0]
        return ElfFacts(
            bits=elf.elfclass,
            little_endian=elf.little_endian,
            machine=elf["e_machine"],
            kind=elf["e_type"],
            interpreter=interpreter,
            soname=found.get("DT_SONAME", [None])[0],
            needed=tuple(found.get("DT_NEEDED", ())),
            rpath=None if runpath is not None else found.get("DT_RPATH", [None])[0],
            runpath=runpath,
            flags_1=flags_1,
        )


def test_system_files_read_as_pyelftools_reads_them():
    names = [path for path in scan_tree("/usr/bin").files if Path(path).read_bytes()[:4] == b"\x7fELF"][:60]
    assert names
    for name in names:
        assert facts_of(Path(name)) == by_pyelftools(Path(name)), name


def test_built_library_says_what_it_was_linked_with(tmp_path: Path):
    path = build(
        tmp_path / "liba.so", soname="liba.so.1", needed=["libb.so.2", "libc.so.6"], runpath="$ORIGIN/x:/opt/y",
        options=["-z", "nodefaultlib"],
    )  # fmt: skip
    facts = facts_of(path)
    assert facts == by_pyelftools(path)
    assert (facts.soname, facts.needed) == ("liba.so.1", ("libb.so.2", "libc.so.6"))
    assert (facts.rpath, facts.runpath) == (None, "$ORIGIN/x:/opt/y")
    assert facts.flags_1 & DF_1_NODEFLIB


def test_program_says_its_interpreter_and_rpath(tmp_path: Path):
    facts = facts_of(build(tmp_path / "prog", program=True, rpath="/opt/lib"))
    assert facts.interpreter is not None
    assert facts.interpreter.startswith("/lib")
    assert (facts.rpath, facts.runpath) == ("/opt/lib", None)


def test_filters_are_needed_and_auxiliary_ones_are_optional(tmp_path: Path):
    path = build(tmp_path / "liba.so", options=["--filter=libf.so", "--auxiliary=libx.so"])
    facts = facts_of(path)
    assert (facts.needed, facts.auxiliary) == (("libf.so",), ("libx.so",))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little", [True, False])
def test_every_class_and_byte_order_is_read(tmp_path: Path, bits: int, little: bool):
    data = forge(["liba.so"], soname="s", rpath="/r", interpreter="/lib/ld.so", bits=bits, little=little, machine=8)
    facts = facts_of(write(tmp_path / "f", data))
    assert facts == ElfFacts(bits, little, "EM_MIPS", "ET_DYN", "/lib/ld.so", "s", ("liba.so",), (), "/r")


def test_runpath_voids_rpath(tmp_path: Path):
    facts = facts_of(write(tmp_path / "f", forge(rpath="/r", runpath="/u")))
    assert (facts.rpath, facts.runpath) == (None, "/u")


def test_names_that_are_not_utf8_come_back_as_the_bytes_they_were(tmp_path: Path):
    facts = facts_of(write(tmp_path / "f", forge([b"lib\xff\xfe.so"])))
    assert os.fsencode(facts.needed[0]) == b"lib\xff\xfe.so"


def test_static_program_needs_nothing(tmp_path: Path):
    facts = facts_of(build(tmp_path / "p", program=True, flags=["-static"]))
    assert (facts.interpreter, facts.needed) == (None, ())


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "not an ELF"),
        (b"#!/bin/sh\n", "not an ELF"),
        (b"\x7fELF", "invalid ELF header"),
        (b"\x7fELF\x03\x01" + bytes(60), "invalid ELF header"),
        (b"\x7fELF\x02\x01" + bytes(50), "invalid ELF header"),
        (forge(kind=1), "neither a library nor a program"),
        (forge(kind=4), "neither a library nor a program"),
        (forge(["a"])[:100], "outside the file"),
        (forge(["a"] * 5000), "dynamic tags"),
        (forge(["a"] * 2000), "needs more than"),
        (forge(tags=[(1, 1 << 40)]), "outside the file"),
        (forge(["x" * 70_000]), "endless string"),
        (forge(["x" * 60_000] * 3), "too much text"),
        (forge(interpreter="/x" * 5000), "impossible interpreter"),
    ],
)
def test_malformed_files_are_refused_with_a_reason(tmp_path: Path, data: bytes, reason: str):
    with pytest.raises(MalformedElf, match=reason):
        facts_of(write(tmp_path / "f", data))


def test_of_millions_of_tags_no_more_is_read_than_of_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "f", forge(tags=[(1, 0)] * 1_000_000))
    sizes: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        sizes.append(size)
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", counted)
    with pytest.raises(MalformedElf, match=f"more than {MAX_DYNAMIC_BYTES // 16} dynamic tags"):
        facts_of(path)
    assert 0 < sum(sizes) <= MAX_DYNAMIC_BYTES + HEAD_BYTES


def test_unterminated_dynamic_section_ends_with_its_segment(tmp_path: Path):
    data = bytearray(forge(["liba.so"]))
    at = data.index(struct.pack("<qQ", 5, 0)[:8])
    data[at + 16 : at + 32] = struct.pack("<qQ", 0x6FFFFEF5, 0)
    assert facts_of(write(tmp_path / "f", bytes(data))).needed == ("liba.so",)


def sample() -> bytes:
    return Path(need("true")).resolve().read_bytes()


SAMPLE = sample()
HEADS = [SAMPLE, forge(["liba.so", "libb.so"], soname="s", rpath="/r", interpreter="/lib/ld.so")]


def parse_bytes(data: bytes) -> None:
    fd = os.memfd_create("fuzz")
    try:
        os.pwrite(fd, data, 0)
        parse_elf(fd, len(data))
    except MalformedElf:
        pass
    finally:
        os.close(fd)


@settings(max_examples=200, deadline=500)
@given(
    which=st.sampled_from(range(len(HEADS))),
    flips=st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), max_size=24),
    end=st.one_of(st.none(), st.integers(0, 2**20)),
    in_tables=st.booleans(),
)
def test_damaged_files_are_read_or_refused_never_anything_else(
    which: int, flips: list[tuple[int, int]], end: int | None, in_tables: bool
):
    data = bytearray(HEADS[which])
    dynamic = next(s for s in ELFFile(io.BytesIO(HEADS[which])).iter_segments() if s["p_type"] == "PT_DYNAMIC")
    for at, value in flips:
        place = at % (900 + dynamic["p_filesz"])  # in the headers, or else in the dynamic section
        place = place if place < 900 else dynamic["p_offset"] + place - 900
        data[(place if in_tables else at) % len(data)] = value
    parse_bytes(bytes(data[:end]))


@settings(max_examples=200, deadline=500)
@given(st.binary(max_size=4096))
def test_noise_behind_the_magic_is_refused(noise: bytes):
    parse_bytes(b"\x7fELF\x02\x01\x01" + noise)
