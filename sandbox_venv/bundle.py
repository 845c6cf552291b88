"""``hot.bin``: what launchers import first, in one file (``launch/preload.py`` reads it).

Cold. After the byte code's magic number come, marshalled, `preload`'s code and a table of modules, then their code. A
module that is imported with many others has these before it, in the order in which they finish, so that one read and
one step of the import system bring all.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import CodeType

NAME = "hot.bin"
HOT = ("sandbox_venv/launch/", "sandbox_venv/__init__.py", "sandbox_venv/errors.py")
NOT_HOT = ("sandbox_venv/launch/native/", "sandbox_venv/launch/desktop.py", "sandbox_venv/launch/resume.py")
STARTS = ("sandbox_venv.launch.main", "sandbox_venv.launch.recorded")
"""Modules that bring others, the earlier ones first."""

Row = tuple[str, bool, int, int]
"""File, whether it is a package, where the code begins in bytes before the end of ``hot.bin``, and its length."""


def compile_hot(source: bytes, path: str) -> CodeType:
    """Return the code of a module whose docstrings nobody reads, and that doesn't import ``__future__``."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    code: CodeType = compile(tree, path, "exec", annotations.compiler_flag, dont_inherit=True, optimize=2)
    return code


def module_name(file: str) -> str:
    """Return the dotted name of a file of the package."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(file: str, source: bytes, known: Container[str]) -> Iterator[str]:
    """Yield those of the known modules that a module imports from its package when it is itself imported."""
    package = module_name(file) if file.endswith("/__init__.py") else module_name(file).rpartition(".")[0]
    body = ast.parse(source).body
    for node in [*body, *(inner for outer in body if isinstance(outer, ast.If) for inner in outer.orelse)]:
        if isinstance(node, ast.ImportFrom) and node.level:  # what is below `if` is for type checkers
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) + 1 - node.level], *([node.module] if node.module else [])])
            yield from (name for name in (base, *(f"{base}.{item.name}" for item in node.names)) if name in known)


def in_order(start: str, files: Mapping[str, str], sources: Mapping[str, bytes], done: list[str]) -> None:
    """Append ``start`` to ``done`` after all that its import brings, where it isn't there."""
    if start in done:
        return
    package = start.rpartition(".")[0]
    for name in [*([package] if package else []), *imports(files[start], sources[start], files)]:
        if not start.startswith(name + "."):
            in_order(name, files, sources, done)
        elif name not in done:  # a package that imports nothing
            done.append(name)
    done.append(start)


def write(target: Path, files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return ``hot.bin`` for a copy of the tool at ``target``, which the code names; ``files``: as they are copied."""
    hot = [name for name in files if name.endswith(".py") and name.startswith(HOT) and not name.startswith(NOT_HOT)]
    names = {module_name(file): file for file in sorted(hot)}
    sources = {name: files[file][0] for name, file in names.items()}
    code = {name: compile_hot(sources[name], str(target / file)) for name, file in names.items()}
    preload = code.pop("sandbox_venv.launch.preload")
    brought: list[str] = []
    contents: dict[str, CodeType | list[tuple[str, CodeType]]] = dict(code)
    for start in STARTS:
        before = len(brought)
        in_order(start, names, sources, brought)
        contents[start] = [(name, code[name]) for name in brought[before:]]
    table: dict[str, Row] = {}
    bodies = b""
    for name, content in contents.items():
        body = marshal.dumps(content)
        bodies = body + bodies
        table[name] = names[name], names[name].endswith("/__init__.py"), len(bodies), len(body)
    return importlib.util.MAGIC_NUMBER + marshal.dumps((preload, table)) + bodies
