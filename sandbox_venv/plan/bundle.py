"""Init's code for the ``bwrap`` backend: one file that the base interpreter runs from a descriptor."""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from pathlib import Path

from .subject import Base

INSIDE = Path(__file__).parents[1] / "launch" / "inside"
MODULES = ("config", "path", "system", "ffi", "landlock", "protocol", "program", "init")
"""In the order in which they import each other; ``ffi`` and ``landlock`` may fail where there is no ctypes."""

_HEAD = """\
import marshal, sys
def load(name, code):
    module = type(sys)("inside." + name)
    module.__package__ = "inside"
    sys.modules["inside." + name] = module
    try:
        exec(code, module.__dict__)
    except (ImportError, AttributeError):
        del sys.modules["inside." + name]
        return
    setattr(inside, name, module)
inside = sys.modules["inside"] = type(sys)("inside")
inside.__path__ = []
"""
_FOOT = "inside.init.main(int(sys.argv[1]))\n"


def _sources() -> dict[str, str]:
    return {name: (INSIDE / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}


def bundle_source() -> str:
    """Return the source of the package ``launch.inside`` as one module."""
    loads = [f"load({name!r}, compile({text!r}, {name + '.py'!r}, 'exec'))\n" for name, text in _sources().items()]
    return _HEAD + "".join(loads) + _FOOT


def bundle_code() -> bytes:
    """Return the same as a ``.pyc`` for an interpreter like this one: an unchecked-hash pyc (PEP 552)."""
    stub = _HEAD
    for name, text in _sources().items():
        code = compile(text, f"{name}.py", "exec", dont_inherit=True)
        stub += f"load({name!r}, marshal.loads({marshal.dumps(code)!r}))\n"
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    return header + marshal.dumps(compile(stub + _FOOT, "init", "exec", dont_inherit=True))


def init_code(base: Base) -> bytes:
    """Return what the base interpreter can run fastest: byte code where it is of this interpreter's version."""
    same = base.version == sys.version_info[:2] and sys.implementation.name == "cpython"
    final = sys.version_info.releaselevel == "final"
    return bundle_code() if same and final else bundle_source().encode()


def bundle_path(folder: Path) -> Path:
    """Return where the bundle of the plans in ``folder`` lies."""
    return Path(os.fspath(folder)) / "init.bin"
