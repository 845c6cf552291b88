"""libseccomp through pyseccomp: found without running any program, or refused with a hint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from sandbox_venv.errors import SandboxError

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

UNKNOWN = -1
"""__NR_SCMP_ERROR: no architecture has a call of this name, seccomp_syscall_resolve_name(3). Below it: another has."""


def _find_library(name: str) -> str | None:
    """Stand in for ctypes.util.find_library, which runs ldconfig, and failing that gcc and ld from PATH."""
    return {"seccomp": "libseccomp.so.2"}.get(name)


def load_library() -> ModuleType:
    """Import and return pyseccomp.

    Raises:
        SandboxError: where pyseccomp or libseccomp is missing. There is no sandbox without the filter unless
            the user says so (`SANDBOX_SECCOMP_ALLOW=`): never silently off.
    """
    import ctypes.util

    original = ctypes.util.find_library
    setattr(ctypes.util, "find_library", _find_library)  # noqa: B010  (mypy minds the plain assignment)
    try:
        import pyseccomp
    except ImportError as error:
        raise SandboxError(
            "load seccomp: the Python package pyseccomp is missing",
            "pip install pyseccomp, or set SANDBOX_SECCOMP_ALLOW= to run without seccomp",
        ) from error
    except (OSError, RuntimeError, AttributeError) as error:
        raise SandboxError(
            f"load seccomp: libseccomp can't be used: {error}",
            "apt install libseccomp2 (dnf install libseccomp), or set SANDBOX_SECCOMP_ALLOW= to run without seccomp",
        ) from error
    finally:
        setattr(ctypes.util, "find_library", original)  # noqa: B010
    return pyseccomp  # type: ignore[no-any-return]


def resolve(library: ModuleType, name: str, arch: int, numbers: dict[str, int]) -> int:
    """Return the number of a call, `UNKNOWN`, or a lower number where only another architecture has it."""
    number: int = library.resolve_syscall(arch, name)
    if number == UNKNOWN:
        return numbers.get(name, UNKNOWN)
    return number


def known_names(library: ModuleType, arch: int, numbers: dict[str, int]) -> Iterator[str]:
    """Yield the names of the architecture's calls, for a hint."""
    yield from numbers
    for number in range(600):
        try:
            yield library.resolve_syscall(arch, number).decode()
        except ValueError:
            continue


def export(filters: SyscallFilter) -> bytes:
    """Return a filter as `struct sock_filter[]`."""
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with os.fdopen(fd, "r+b") as file:
        filters.export_bpf(file)
        file.seek(0)
        return file.read()
