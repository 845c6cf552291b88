"""What the machine tells its dynamic loaders: directories, CPU levels, the words behind $LIB and $PLATFORM."""

from __future__ import annotations

import glob
import os
import re
import struct
from functools import cache
from typing import NamedTuple

from .ldcache import LoaderCache, read_loader_cache

MAX_CONF_BYTES = 1 << 20
MAX_CONF_DEPTH = 8
MAX_LOADER_BYTES = 8 << 20

FALLBACK_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
MUSL_DIRECTORIES = ("/lib", "/usr/local/lib", "/usr/lib")

_X86_LEVELS = (
    ("x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"),
    ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"),
    ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"),
)
"""sysdeps/x86_64/dl-hwcaps_subdirs.c, in the words of /proc/cpuinfo."""
_PLATFORM_LEVELS = {
    "EM_PPC64": ("power9", "power10", "power11"),
    "EM_S390": ("z13", "z14", "z15", "z16", "z17"),
}
"""Machines whose AT_PLATFORM names the level; each includes those before it."""


class LoaderWorld(NamedTuple):
    """What one dynamic loader (one PT_INTERP) searches after RPATH and RUNPATH.

    ``lib`` and ``platform`` stand for $LIB and $PLATFORM (None: ask the kernel when somebody uses it);
    ``levels`` are glibc-hwcaps levels, best first.
    """

    musl: bool
    directories: tuple[str, ...]
    cache: LoaderCache
    lib: str
    platform: str | None
    levels: tuple[str, ...]


def loader_world(interpreter: str | None, machine: str) -> LoaderWorld:
    """Return the world of the loader at *interpreter* (a real path outside the venv; None: this machine's)."""
    name = os.path.basename(interpreter or "")
    if name.startswith("ld-musl-") or (interpreter or "").endswith("-musl/libc.so"):
        return LoaderWorld(True, musl_directories(name), LoaderCache({}), "", "", ())
    directories = built_in_directories(os.path.realpath(interpreter) if interpreter else None) or FALLBACK_DIRECTORIES
    lib = directories[0].strip("/").removeprefix("usr/")
    lib = lib if lib.startswith("lib") else "lib"
    return LoaderWorld(False, directories, system_cache(), lib, None, cpu_levels(machine))


@cache
def system_cache() -> LoaderCache:
    """Return /etc/ld.so.cache, read once a process."""
    return read_loader_cache()


@cache
def built_in_directories(interpreter: str | None) -> tuple[str, ...]:
    """Return the default directories compiled into a glibc loader, or () where they can't be seen.

    glibc keeps them as one run of strings, each ending in a slash (elf/dl-load.c, system_dirs), the same run
    on every distribution, multiarch or not, NixOS included.
    """
    if interpreter is None:
        return ()
    try:
        with open(interpreter, "rb") as file:
            data = file.read(MAX_LOADER_BYTES)
    except OSError:
        return ()
    runs = re.findall(rb"\0((?:/[\w.+@/-]{2,200}/\0){1,16})", data)
    for run in runs:
        names = [os.fsdecode(name).rstrip("/") for name in run.split(b"\0") if name]
        if all(re.search("/lib[^/]*(/|$)", name) for name in names):
            return tuple(dict.fromkeys(names))
    return ()


def musl_directories(loader_name: str) -> tuple[str, ...]:
    """Return a musl loader's path: /etc/ld-musl-ARCH.path, or the built-in one (ldso/dynlink.c)."""
    arch = loader_name.removeprefix("ld-musl-").removesuffix(".so.1")
    if not loader_name.startswith("ld-musl-"):
        arch = os.uname().machine
    try:
        with open(f"/etc/ld-musl-{arch}.path", "rb") as file:
            text = os.fsdecode(file.read(MAX_CONF_BYTES))
    except FileNotFoundError:
        return MUSL_DIRECTORIES
    except OSError:
        return ()
    return tuple(part for part in re.split("[:\n]", text) if part)


def conf_directories(path: str = "/etc/ld.so.conf", depth: int = 0) -> tuple[str, ...]:
    """Return the directories of ld.so.conf(5), includes followed (elf/ldconfig.c, parse_conf)."""
    if depth > MAX_CONF_DEPTH:
        return ()
    try:
        with open(path, "rb") as file:
            lines = os.fsdecode(file.read(MAX_CONF_BYTES)).splitlines()
    except OSError:
        return ()
    found: dict[str, None] = {}
    for line in lines:
        words = line.split("#", 1)[0].split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] == "include":
            for pattern in words[1:]:
                where = os.path.join(os.path.dirname(path), pattern)
                for name in sorted(glob.glob(where)):
                    found.update(dict.fromkeys(conf_directories(name, depth + 1)))
            continue
        for part in re.split(r"[\s:,]+", line.split("#", 1)[0].strip()):
            directory = part.split("=", 1)[0].rstrip("/")
            if directory.startswith("/"):
                found[directory] = None
    return tuple(found)


@cache
def cpu_levels(machine: str) -> tuple[str, ...]:
    """Return the glibc-hwcaps levels that this CPU has, best first."""
    if machine == "EM_X86_64":
        flags = _cpu_flags()
        levels: list[str] = []
        for level, needs in _X86_LEVELS:
            if not flags.issuperset(needs.split()):
                break
            levels.insert(0, level)
        return tuple(levels)
    known = _PLATFORM_LEVELS.get(machine, ())
    platform = auxiliary_platform() if known else ""
    return tuple(reversed(known[: known.index(platform) + 1])) if platform in known else ()


def _cpu_flags() -> frozenset[str]:
    """Return the first CPU's flags; only the start of the file is read, whatever the number of CPUs."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            text = file.read(8192).decode("ascii", "replace")
    except OSError:
        return frozenset()
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(match[1].split()) if match else frozenset()


@cache
def auxiliary_platform() -> str:
    """Return AT_PLATFORM, what $PLATFORM stands for, by getauxval(3) of the C library; "" where unknown."""
    import ctypes

    at_platform = 15
    try:
        libc = ctypes.CDLL(None)
        libc.getauxval.restype = ctypes.c_ulong
        libc.getauxval.argtypes = (ctypes.c_ulong,)
        address = libc.getauxval(at_platform)
        return os.fsdecode(ctypes.string_at(address)) if address else os.uname().machine
    except (OSError, AttributeError, struct.error):
        return os.uname().machine


def system_library_directories() -> tuple[str, ...]:
    """Return the directories that hold the system's libraries: the usual ones and those of ld.so.conf(5)."""
    return tuple(dict.fromkeys((*FALLBACK_DIRECTORIES, *MUSL_DIRECTORIES, *conf_directories())))
