"""What is needed of ``os`` and ``stat`` before a program starts, from what every interpreter has built in.

Importing ``os`` takes about as long as all mounts of a sandbox. ``from .system import os`` gives this module, which
goes on to the real one for whatever else it is asked. Stands alone (Python 3.8 syntax), as all modules here.
"""

from __future__ import annotations

import sys

__all__ = ["modes", "os"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import stat as modes
    from typing import Any
else:
    from posix import *  # noqa: F403 - that is what os does
    from posix import _exit  # noqa: F401

    from . import path  # noqa: F401

    try:
        import _stat as modes  # what stat takes everything from
    except ImportError:
        import stat as modes

    os = sys.modules[__name__]
    SEEK_SET = 0  # lseek(2)


def fsencode(text: str | bytes) -> bytes:
    """Return a path or an argument as bytes."""
    return text if isinstance(text, bytes) else text.encode(sys.getfilesystemencoding(), "surrogateescape")


def __getattr__(name: str) -> Any:
    """Return anything else from os."""
    if name == "environb" and "os" not in sys.modules:  # so nobody can have changed it
        import posix

        return posix.environ
    if name.startswith("__"):  # the import system asks for __path__
        raise AttributeError(name)
    import os as real

    return getattr(real, name)
