"""Init's code for the ``bwrap`` backend: one file that the base interpreter runs from a descriptor."""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from importlib import resources
from pathlib import Path

from .subject import Base

MODULES = ("landlock", "init")


def bundle_source() -> str:
    """Return the source of landlock and init as one module, ``landlock`` being a namespace in it."""
    folder = resources.files("sandbox_venv.launch.inside")
    text = {name: folder.joinpath(f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    return (
        "import sys\n"
        "landlock = type(sys)('landlock')\n"
        f"exec(compile({text['landlock']!r}, 'landlock.py', 'exec'), landlock.__dict__)\n"
        "sys.modules['landlock'] = landlock\n"
        f"exec(compile({text['init']!r}, 'init.py', 'exec'))\n"
    )


def bundle_code() -> bytes:
    """Return the same as a ``.pyc`` for an interpreter like this one: an unchecked-hash pyc (PEP 552)."""
    folder = resources.files("sandbox_venv.launch.inside")
    code = {
        name: compile(
            folder.joinpath(f"{name}.py").read_text(encoding="utf-8"), f"{name}.py", "exec", dont_inherit=True
        )
        for name in MODULES
    }
    stub = (
        "import marshal, sys\n"
        "landlock = type(sys)('landlock')\n"
        f"exec(marshal.loads({marshal.dumps(code['landlock'])!r}), landlock.__dict__)\n"
        "sys.modules['landlock'] = landlock\n"
        f"exec(marshal.loads({marshal.dumps(code['init'])!r}))\n"
    )
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    return header + marshal.dumps(compile(stub, "init", "exec", dont_inherit=True))


def init_code(base: Base) -> bytes:
    """Return what the base interpreter can run fastest: byte code where it is of this interpreter's version."""
    same = base.version == sys.version_info[:2] and sys.implementation.name == "cpython"
    final = sys.version_info.releaselevel == "final"
    return bundle_code() if same and final else bundle_source().encode()


def bundle_path(folder: Path) -> Path:
    """Return where the bundle of the plans in ``folder`` lies."""
    return Path(os.fspath(folder)) / "init.bin"
