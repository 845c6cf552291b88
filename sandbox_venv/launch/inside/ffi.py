"""Calls into the C library without the ``ctypes`` package, whose import takes longer than all calls of a start.

What it is made of, ``_ctypes``, is an implementation detail of CPython; where it is missing or not as expected, the
package is imported after all. Stands alone (Python 3.8 syntax), as all modules here.
"""

from __future__ import annotations

from .system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable
    from typing import Any

_TYPES = {"c_int": "i", "c_long": "l", "c_ulong": "L", "c_char_p": "z", "c_void_p": "P", "c_char": "c"}


def _from_package() -> dict[str, Any]:
    """Take what is needed from the documented package."""
    import ctypes

    plain, python = ctypes.CDLL(None, use_errno=True), ctypes.PyDLL(None, use_errno=True)
    found = {name: getattr(ctypes, name) for name in (*_TYPES, "get_errno", "addressof")}
    return {**found, "plain": lambda name: plain[name], "python": lambda name: python[name]}


def _from_parts() -> dict[str, Any]:
    """Make the same of what the package is made of."""
    import _ctypes

    parts: Any = _ctypes
    simple, function = parts._SimpleCData, parts.CFuncPtr
    types = {name: type(simple)(name, (simple,), {"_type_": code}) for name, code in _TYPES.items()}
    flags = parts.FUNCFLAG_CDECL | parts.FUNCFLAG_USE_ERRNO
    attributes = {"_flags_": flags, "_restype_": types["c_int"]}
    plain = type(function)("Function", (function,), attributes)
    python = type(function)("Python", (function,), {**attributes, "_flags_": flags | parts.FUNCFLAG_PYTHONAPI})
    handle, find = parts.dlopen(None, 0), parts.dlsym
    return {
        **types, "get_errno": parts.get_errno, "addressof": parts.addressof,
        "plain": lambda name: plain(find(handle, name)), "python": lambda name: python(find(handle, name)),
    }  # fmt: skip


try:
    _found = _from_parts()
except (ImportError, AttributeError, TypeError):
    _found = _from_package()

c_int: type[ctypes.c_int] = _found["c_int"]
c_long: type[ctypes.c_long] = _found["c_long"]
c_ulong: type[ctypes.c_ulong] = _found["c_ulong"]
c_char: type[ctypes.c_char] = _found["c_char"]
c_char_p: type[ctypes.c_char_p] = _found["c_char_p"]
c_void_p: type[ctypes.c_void_p] = _found["c_void_p"]
get_errno: Callable[[], int] = _found["get_errno"]
addressof: Callable[[Any], int] = _found["addressof"]


def declare(name: str, *argtypes: type, restype: type | None = None, python: bool = False) -> Callable[..., Any]:
    """Return the C library's ``name`` as a function object of its own, so that ``syscall`` can have many types.

    Args:
        name: the function's.
        argtypes: of its arguments.
        restype: of its result, by default long for ``syscall``, else int.
        python: it is the interpreter's own, or must keep the interpreter's lock.
    """
    function: Any = _found["python" if python else "plain"](name)
    function.argtypes = argtypes
    function.restype = restype or (c_long if name == "syscall" else c_int)
    return function  # type: ignore[no-any-return]


def buffer(size: int, data: bytes = b"") -> ctypes.Array[ctypes.c_char]:
    """Return ``size`` bytes of memory that a call can write to; ``raw`` is what is in them."""
    made: Any = (c_char * size)()
    made.raw = data.ljust(size, b"\0")
    return made  # type: ignore[no-any-return]


def failure(path: bytes | None = None) -> OSError:
    """Return what the last call left in errno, as OSError (which picks FileNotFoundError and the like)."""
    number = get_errno()
    return OSError(number, os.strerror(number), path)
