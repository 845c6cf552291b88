"""Read from an ELF file what the dynamic loader would act on, and nothing else.

The file may be hostile: every count, offset and length comes from it, so each is checked against the file's
size or a limit below before anything is read or built. No file is ever mapped (a file that shrinks under a
mapping is SIGBUS) and none is ever run.

Layouts: elf(5); the header through pyelftools, the two flat tables through struct(3) as one call, so that
a table of a thousand entries costs microseconds.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elftools.elf.structs import ELFStructs

MAGIC = b"\x7fELF"
NOT_ELF = "not an ELF file"
"""The reason given for a file without the magic."""
HEAD_BYTES = 4096
"""Bytes of a first read: the header and, in nearly every file, all program headers."""
MAX_PROGRAM_HEADER_BYTES = 65536
"""As the kernel's own limit (fs/binfmt_elf.c, load_elf_phdrs)."""
MAX_DYNAMIC_BYTES = 65536
"""4096 tags; LibreOffice's largest library, a linker's worst case, has under 300."""
MAX_NEEDED = 1024
MAX_STRING = 65536
"""Bytes of an RPATH; a name is held to NAME_MAX or PATH_MAX when it is looked up."""

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 14, 15, 29
DT_FLAGS_1, DT_AUXILIARY, DT_FILTER = 0x6FFFFFFB, 0x7FFFFFFD, 0x7FFFFFFF
DF_1_NODEFLIB = 0x800

_PHDR = {64: "IIQQQQQQ", 32: "IIIIIIII"}
_DYN = {64: "qQ", 32: "iI"}


class MalformedElf(Exception):
    """The file is no ELF file that could be loaded; the text says why."""


class ElfFacts(NamedTuple):
    """What ld.so(8) reads of one file before it searches for what the file needs.

    ``rpath`` is None where there is a RUNPATH, which voids it (glibc: elf_get_dynamic_info).
    """

    bits: int
    little_endian: bool
    machine: str
    kind: str
    interpreter: str | None = None
    soname: str | None = None
    needed: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0

    @property
    def abi(self) -> tuple[int, bool, str]:
        """What must be equal between a program and a library: class, byte order, machine."""
        return (self.bits, self.little_endian, self.machine)


def text_length(facts: ElfFacts) -> int:
    """Return how many characters of the file are kept."""
    texts = (facts.interpreter, facts.soname, facts.rpath, facts.runpath, *facts.needed, *facts.auxiliary)
    return sum(len(text) for text in texts if text)


class _Segment(NamedTuple):
    offset: int
    address: int
    size: int


def parse_elf(fd: int, size: int) -> ElfFacts:
    """Read the facts of an open regular file of *size* bytes.

    Raises:
        MalformedElf: it is not an ELF file that the loader would take.
        OSError: reading failed.
    """
    head = os.pread(fd, HEAD_BYTES, 0)
    if head[:4] != MAGIC:
        raise MalformedElf(NOT_ELF)
    if len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise MalformedElf("invalid ELF header")
    bits, little = 32 * head[4], head[5] == 1
    if bits == 64 and len(head) < 64:
        raise MalformedElf("invalid ELF header")
    header = _structs(bits, little).Elf_Ehdr.parse(head)
    kind, machine = str(header["e_type"]), str(header["e_machine"])
    if kind not in ("ET_DYN", "ET_EXEC"):
        raise MalformedElf(f"neither a library nor a program ({kind})")
    order = "<" if little else ">"
    row = struct.Struct(order + _PHDR[bits])
    start, length = header["e_phoff"], header["e_phnum"] * row.size
    if header["e_phentsize"] != row.size or not 0 < length <= MAX_PROGRAM_HEADER_BYTES:
        raise MalformedElf("impossible program headers")
    table = head[start : start + length]
    if len(table) < length:
        table = _read(fd, size, start, length)
    loads, dynamic, interpreter = _segments(row, table, bits)
    facts = ElfFacts(bits, little, machine, kind)
    name = None if interpreter is None else _interpreter(fd, size, interpreter)
    if dynamic is None:
        return ElfFacts(bits, little, machine, kind, name)
    return _dynamic(fd, size, facts, name, loads, dynamic)


@cache
def _structs(bits: int, little: bool) -> ELFStructs:
    from elftools.elf.structs import ELFStructs  # a seventh of a warm resolution's time, which needs none of it

    structs = ELFStructs(little_endian=little, elfclass=bits)
    structs.create_basic_structs()
    return structs


def _read(fd: int, size: int, offset: int, length: int) -> bytes:
    """Read exactly *length* bytes that lie within the file."""
    if offset < 0 or offset + length > size:
        raise MalformedElf("a table lies outside the file")
    data = os.pread(fd, length, offset)
    if len(data) != length:
        raise MalformedElf("the file is shorter than it was")
    return data


def _segments(row: struct.Struct, table: bytes, bits: int) -> tuple[list[_Segment], _Segment | None, _Segment | None]:
    """Return the loadable segments, the dynamic one and the interpreter's name's."""
    loads: list[_Segment] = []
    dynamic = interpreter = None
    for fields in row.iter_unpack(table):
        kind = fields[0]
        segment = _Segment(fields[2], fields[3], fields[5]) if bits == 64 else _Segment(fields[1], fields[2], fields[4])
        if kind == PT_LOAD:
            loads.append(segment)
        elif kind == PT_DYNAMIC:
            dynamic = segment
        elif kind == PT_INTERP and interpreter is None:
            interpreter = segment
    return loads, dynamic, interpreter


def _interpreter(fd: int, size: int, segment: _Segment) -> str:
    """Return the text of PT_INTERP (fs/binfmt_elf.c: 2..PATH_MAX bytes, ends in NUL)."""
    if not 2 <= segment.size <= os.pathconf("/", "PC_PATH_MAX"):
        raise MalformedElf("impossible interpreter name")
    text = _read(fd, size, segment.offset, segment.size)
    if text[-1] != 0:
        raise MalformedElf("unterminated interpreter name")
    return os.fsdecode(text.split(b"\0", 1)[0])


def _file_offset(loads: list[_Segment], address: int) -> int:
    """Turn an address as mapped into an offset in the file; the loader only knows addresses."""
    for load in loads:
        if load.address <= address < load.address + load.size:
            return address - load.address + load.offset
    raise MalformedElf("an address lies outside the loaded segments")


def _dynamic(
    fd: int, size: int, facts: ElfFacts, interpreter: str | None, loads: list[_Segment], segment: _Segment
) -> ElfFacts:
    """Read the dynamic section and the strings that it names."""
    row = struct.Struct(("<" if facts.little_endian else ">") + _DYN[facts.bits])
    start = _file_offset(loads, segment.address)
    length = min(segment.size, size - start, MAX_DYNAMIC_BYTES)
    length -= length % row.size
    if length <= 0:
        raise MalformedElf("the dynamic section lies outside the file")
    needed: list[int] = []
    auxiliary: list[int] = []
    last: dict[int, int] = {}
    for tag, value in row.iter_unpack(_read(fd, size, start, length)):
        if tag == DT_NULL:
            break
        if tag in (DT_NEEDED, DT_FILTER):
            needed.append(value)
        elif tag == DT_AUXILIARY:
            auxiliary.append(value)
        else:
            last[tag] = value
    else:
        if segment.size > MAX_DYNAMIC_BYTES:
            raise MalformedElf(f"more than {MAX_DYNAMIC_BYTES // row.size} dynamic tags")
    if len(needed) + len(auxiliary) > MAX_NEEDED:
        raise MalformedElf(f"needs more than {MAX_NEEDED} libraries")
    strings = _Strings(fd, size, loads, last.get(DT_STRTAB))
    runpath = strings.get(last.get(DT_RUNPATH))
    return ElfFacts(
        bits=facts.bits,
        little_endian=facts.little_endian,
        machine=facts.machine,
        kind=facts.kind,
        interpreter=interpreter,
        soname=strings.get(last.get(DT_SONAME)),
        needed=tuple(strings[offset] for offset in needed),
        auxiliary=tuple(strings[offset] for offset in auxiliary),
        rpath=None if runpath is not None else strings.get(last.get(DT_RPATH)),
        runpath=runpath,
        flags_1=last.get(DT_FLAGS_1, 0),
    )


class _Strings:
    """The dynamic string table, read where it is asked for: a C++ library's may be tens of megabytes."""

    WINDOW = 4096
    READS = 64
    """Windows a file; linkers put the names side by side."""

    def __init__(self, fd: int, size: int, loads: list[_Segment], address: int | None) -> None:
        self._fd, self._size = fd, size
        self._start = None if address is None else _file_offset(loads, address)
        self._at, self._window = 0, b""
        self._budget = 2 * MAX_STRING
        self._reads = self.READS

    def __getitem__(self, offset: int) -> str:
        """Return the string at *offset*; raises MalformedElf where there is none."""
        if self._start is None:
            raise MalformedElf("no string table")
        start = self._start + offset
        if not 0 <= start < self._size:
            raise MalformedElf("a string lies outside the file")
        end = self._window.find(b"\0", start - self._at) if start >= self._at else -1
        length = self.WINDOW
        while end < 0:
            self._reads -= 1
            if self._reads < 0:
                raise MalformedElf("strings all over the file")
            self._at, self._window = start, os.pread(self._fd, length, start)
            end = self._window.find(b"\0")
            if end < 0 and (len(self._window) < length or length >= MAX_STRING):
                raise MalformedElf("an endless string")
            length *= 4
        text = self._window[start - self._at : end]
        self._budget -= len(text)
        if self._budget < 0:
            raise MalformedElf("too much text in the dynamic section")
        return os.fsdecode(text)

    def get(self, offset: int | None) -> str | None:
        """Return the string at *offset*, or None where the tag is absent."""
        return None if offset is None else self[offset]
