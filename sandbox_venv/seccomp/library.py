"""libseccomp through pyseccomp: found without running any program, or refused with a hint."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from sandbox_venv.errors import SandboxError

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

SONAME = "libseccomp.so.2"
UNKNOWN = -1
"""__NR_SCMP_ERROR: no architecture has a call of this name, seccomp_syscall_resolve_name(3). Below it: another has."""


@contextlib.contextmanager
def _stand_in() -> Iterator[None]:
    """Put something in the place of ctypes.util, which pyseccomp imports to find the library.

    The real one runs ldconfig, and failing that gcc and ld from PATH; and it imports a dozen modules to do so.
    """
    import ctypes

    name = "ctypes.util"
    real = sys.modules.get(name)
    module = ModuleType(name)
    setattr(module, "find_library", {"seccomp": SONAME}.get)  # noqa: B010 - mypy minds the plain form
    sys.modules[name] = module
    setattr(ctypes, "util", module)  # noqa: B010
    try:
        yield
    finally:
        if real is None:
            del sys.modules[name]
            delattr(ctypes, "util")
        else:
            sys.modules[name] = real
            setattr(ctypes, "util", real)  # noqa: B010


def load_library() -> ModuleType:
    """Import and return pyseccomp.

    Raises:
        SandboxError: where pyseccomp or libseccomp is missing. There is no sandbox without the filter unless
            the user says so (`SANDBOX_SECCOMP_ALLOW=`): never silently off.
    """
    try:
        with _stand_in():
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
