"""Imports of hot modules from one file: reading it takes less than looking for a dozen files.

``bundle.py`` says what is in it, and writes it beside the package. Launchers read it (``venv/launchers.py``); without
it, or for an interpreter of another version, everything is imported the usual way. Imports nothing that an interpreter
hasn't at its start.
"""

from __future__ import annotations

import gc
import posix
import sys
from _frozen_importlib import ModuleSpec, module_from_spec
from _frozen_importlib_external import SourceFileLoader
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType


class Preloaded:
    """Finder and loader of the modules in a table.

    Args:
        folder: absolute path of the directory that holds the package and the file.
        table: module's name to its file below ``folder``, whether it is a package, where its marshalled code begins,
            in bytes before the end of ``hot.bin``, and how long it is.
        size: of ``hot.bin``.
    """

    def __init__(self, folder: str, table: dict[str, tuple[str, bool, int, int]], size: int) -> None:
        self.folder = folder
        self.table = table
        self.size = size

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
        """Run a module's code, read by itself: the memory serves the next one, and no descriptor stays open."""
        _, _, before_end, size = self.table[module.__name__]
        fd = posix.open(self.folder + "/hot.bin", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            data = posix.pread(fd, size, self.size - before_end)
        finally:
            posix.close(fd)
        try:
            code = loads(data)  # noqa: S302 - the state directory is trusted
        except (EOFError, ValueError, TypeError):  # a power cut
            code = SourceFileLoader(module.__name__, str(module.__file__)).get_code(module.__name__)
        if isinstance(code, list):
            for name, its_code in code[:-1]:
                self.bring(name, its_code)
            code = code[-1][1]
        exec(code, module.__dict__)  # noqa: S102

    def bring(self, name: str, code: CodeType) -> None:
        """Import a module whose code is here, where it isn't imported, and all that it needs is."""
        if name in sys.modules:
            return
        module = module_from_spec(self.find_spec(name))  # type: ignore[arg-type]
        sys.modules[name] = module
        exec(code, module.__dict__)  # noqa: S102
        package, _, last = name.rpartition(".")
        setattr(sys.modules[package], last, module)


def install(folder: str, table: dict[str, tuple[str, bool, int, int]], size: int) -> None:
    """Import the modules of ``table`` from now on; what they make lasts, so there is nothing to collect."""
    gc.disable()
    sys.meta_path.insert(0, Preloaded(folder, table, size))
