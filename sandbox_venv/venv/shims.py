"""``wrap --shim uv``: a launcher in ``.venv/bin`` for a program of the host, whose original is a link to it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import SandboxError
from ..plan.options import cut_options
from . import files
from .inspect import is_script
from .record import Record
from .tree import SHELL, Tree, is_ours


def shims_of(options: Iterable[str]) -> dict[str, str]:
    """Return the shims that stored options name: name in ``bin/``, path on the host."""
    paths = [option[1] for option in cut_options(list(options), where="wrap") if option[0] == "--shim"]
    return {os.path.basename(path): path for path in paths}


def place_shims(tree: Tree, record: Record, old: Record | None) -> None:
    """Make the links of the shims apart, and remove those that are no longer wanted.

    Raises:
        SandboxError: the venv has a program of that name itself.
    """
    wanted = shims_of(record.options)
    known = shims_of(old.options) if old is not None else {}
    gone = {name: path for name, path in known.items() if wanted.get(name) != path}
    remove_shims(tree, gone)
    for name in gone:
        if old is not None and is_ours(tree.bin, name, old) and not files.exists(tree.originals, name):
            files.remove(tree.bin, name)
    for name, path in wanted.items():
        if name == SHELL or is_script(name) or name.startswith(("python", "pypy")):
            raise SandboxError(
                f"make shim {name!r}: that name in bin/ is taken", "start the program by: sandbox-venv run --tool"
            )
        if is_shim(tree, name, path):
            continue
        if files.exists(tree.originals, name) or files.exists(tree.bin, name):
            raise SandboxError(
                f"make shim {name!r}: the venv has a program of that name, which starts in the sandbox anyway",
                f"leave --shim {name} out",
            )
        os.symlink(path, name, dir_fd=tree.originals)


def remove_shims(tree: Tree, shims: dict[str, str]) -> None:
    """Remove the links of shims, where they are still what was made."""
    for name, path in shims.items():
        if is_shim(tree, name, path):
            files.remove(tree.originals, name)


def is_shim(tree: Tree, name: str, path: str) -> bool:
    """Tell whether the original of that name is the link that wrap made."""
    try:
        return os.readlink(name, dir_fd=tree.originals) == path
    except OSError:
        return False
