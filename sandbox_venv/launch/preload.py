"""Imports of hot modules from one file: reading it takes less than looking for a dozen files.

``toolcode`` writes the file, ``hot.bin``, beside the package: byte code's magic number; marshalled, this module's code
and a table of modules; their code. Launchers read it (``venv/launchers.py``); without it, or for an interpreter of
another version, everything is imported the usual way. Imports nothing that an interpreter hasn't at its start.
"""

from __future__ import annotations

import gc
import sys
from _frozen_importlib import ModuleSpec
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


class Preloaded:
    """Finder and loader of the modules in a table.

    Args:
        folder: absolute path of the directory that holds the package.
        table: module's name to its file below ``folder``, whether it is a package, where its marshalled code begins,
            in bytes before the end of ``data``, and how long it is.
        data: the whole file.
    """

    def __init__(self, folder: str, table: dict[str, tuple[str, bool, int, int]], data: bytes) -> None:
        self.folder = folder
        self.table = table
        self.data = data

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return how to load a module of the table."""
        row = self.table.get(name)
        if row is None:
            return None
        file = f"{self.folder}/{row[0]}"
        spec = ModuleSpec(name, self, origin=file, is_package=row[1])  # type: ignore[arg-type]
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(file.rpartition("/")[0])
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code."""
        _, _, before_end, size = self.table[module.__name__]
        at = len(self.data) - before_end
        exec(loads(self.data[at : at + size]), module.__dict__)  # noqa: S102, S302 - the state directory is trusted


def install(folder: str, table: dict[str, tuple[str, bool, int, int]], data: bytes) -> None:
    """Import the modules of ``table`` from ``data``, from now on; what they make lasts, there is nothing to collect."""
    gc.disable()
    sys.meta_path.insert(0, Preloaded(folder, table, data))
