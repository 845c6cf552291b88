"""ELF files for tests: real ones, made by gcc, and forged ones, made byte by byte."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox_venv.elf.parse import ElfFacts, parse_elf
from tests.support.programs import need

MACHINE = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}.get(os.uname().machine, "")


@dataclass(frozen=True)
class Built:
    """How a library or program is linked; options are ld(1)'s, flags the compiler's."""

    needed: Sequence[str | Path] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    options: Sequence[str] = ()
    flags: Sequence[str] = ()
    program: bool = False
    compiler: str = "gcc"


def build(path: Path, **how: object) -> Path:
    """Link a real ELF file at ``path``; see Built. Libraries to link are paths, or names that need not exist."""
    built = Built(**how)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["--no-as-needed", "--unresolved-symbols=ignore-all", *built.options]
    if built.soname:
        words += ["-soname", built.soname]
    if built.rpath is not None:
        words += ["--disable-new-dtags", "-rpath", built.rpath]
    if built.runpath is not None:
        words += ["--enable-new-dtags", "-rpath", built.runpath]
    inputs = [str(object_file(program=built.program)), *(str(stub(item)) for item in built.needed)]
    if built.program:
        command = [need(built.compiler), "-o", str(path), *built.flags]
        command += [word for option in words for word in ("-Xlinker", option)]
    else:
        command = [need("ld"), "-shared", "-o", str(path), *words]
    subprocess.run([*command, *inputs], check=True, capture_output=True)
    return path


def stub(item: str | Path) -> Path:
    """Return something to link against: the path itself, or an empty library with the name as its SONAME."""
    return item if isinstance(item, Path) else _stub(item)


@functools.cache
def _stub(soname: str) -> Path:
    target = object_file(program=False).parent / soname.replace("/", "_")
    command = [need("ld"), "-shared", "-o", str(target), "-soname", soname, str(object_file(program=False))]
    subprocess.run(command, check=True, capture_output=True)
    return target


@functools.cache
def object_file(*, program: bool) -> Path:
    """Compile what all the files consist of; linking alone is ten times as fast as gcc."""
    directory = Path(tempfile.mkdtemp(prefix="sandbox-venv-elf-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = directory / "object.o"
    source = "int main(void) { return 0; }\n" if program else "int nothing;\n"
    command = [need("gcc"), "-fPIC", "-c", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return path


def facts_of(path: Path) -> ElfFacts:
    """Parse a file."""
    with path.open("rb") as file:
        return parse_elf(file.fileno(), os.fstat(file.fileno()).st_size)


def forge(
    needed: Sequence[str | bytes] = (),
    *,
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    interpreter: str | None = None,
    tags: Sequence[tuple[int, int]] = (),
    machine: int = 62,
    kind: int = 3,
    bits: int = 64,
    little: bool = True,
) -> bytes:
    """Return an ELF file with one PT_LOAD over the whole file and a dynamic section, and nothing else."""
    order = "<" if little else ">"
    strings = bytearray(b"\0")

    def string(text: str | bytes) -> int:
        at = len(strings)
        strings.extend((os.fsencode(text) if isinstance(text, str) else text) + b"\0")
        return at

    rows = [(1, string(name)) for name in needed]
    rows += [(tag, string(text)) for tag, text in ((14, soname), (15, rpath), (29, runpath)) if text is not None]
    header_size, row_size, dyn = (64, 56, order + "qQ") if bits == 64 else (52, 32, order + "iI")
    count = 3 if interpreter else 2
    at_dynamic = header_size + count * row_size
    dynamic_size = (len(rows) + len(tags) + 2) * struct.calcsize(dyn)
    at_strings = at_dynamic + dynamic_size
    table = [*rows, *tags, (5, at_strings), (0, 0)]
    dynamic = b"".join(struct.pack(dyn, *row) for row in table)
    at_interpreter = at_strings + len(strings)
    name = os.fsencode(interpreter) + b"\0" if interpreter else b""
    size = at_interpreter + len(name)

    def segment(kind: int, offset: int, length: int) -> bytes:
        if bits == 64:
            return struct.pack(order + "IIQQQQQQ", kind, 4, offset, offset, offset, length, length, 1)
        return struct.pack(order + "IIIIIIII", kind, offset, offset, offset, length, length, 4, 1)

    segments = segment(1, 0, size) + segment(2, at_dynamic, dynamic_size)
    if interpreter:
        segments += segment(3, at_interpreter, len(name))
    ident = b"\x7fELF" + bytes((bits // 32, 1 if little else 2, 1, 0)) + bytes(8)
    word = "Q" if bits == 64 else "I"
    header = ident + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        kind, machine, 1, 0, header_size, 0, 0, header_size, row_size, count, 64, 0, 0,
    )  # fmt: skip
    return header + segments + dynamic + bytes(strings) + name


def write(path: Path, data: bytes) -> Path:
    """Write a file, its directories too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
