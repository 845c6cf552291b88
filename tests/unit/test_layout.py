"""The shape of the package: which way imports point, what a start imports, how long files and functions are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT

PACKAGE = ROOT / "sandbox_venv"
FILES = sorted(PACKAGE.rglob("*.py"))
HOT = [path for path in FILES if path.is_relative_to(PACKAGE / "launch")]
LONGEST_FILE = 350
LONGEST_FUNCTION = 60

HOT_MODULES = {
    "__future__",
    "os",
    "sys",
    "ctypes",
    "_ctypes",
    "_signal",
    "stat",
    "errno",
    "posix",
    "time",
    "select",
    "gc",
    "marshal",
    "_frozen_importlib",
    "_frozen_importlib_external",
}
"""What the hot half may import: already there in a bare interpreter, built in, or (_ctypes) what native needs."""

LAYERS = (
    ("__main__",),
    ("cli",),
    ("",),
    ("venv",),
    ("plan",),
    ("policy", "elf", "seccomp"),
    ("venv.inspect", "venv.record", "venv.base", "venv.accounts", "state", "toolcode", "bundle", "probe", "namespaces"),
    ("launch",),
    ("errors",),
)
"""Imports point down this list or stay on their line; the longest name that fits says where a module stands.

The empty name stands for the commands: the modules of the package's top that are not named.
"""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """Yield the absolute names of modules that ``path`` imports; with ``top`` only those imported with it."""
    tree = ast.parse(path.read_text())
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    nodes = list(tree.body) if top else list(ast.walk(tree))
    if top:  # also what is imported in a top-level `if` or `try`, unless it is for type checkers
        for node in list(nodes):
            if isinstance(node, (ast.If, ast.Try)) and "TYPE_CHECKING" not in ast.unparse(node).split(":")[0]:
                nodes += list(ast.walk(node))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            ours = module[0] == "sandbox_venv"
            yield from (".".join([*module, alias.name] if ours else module) for alias in node.names)


def layer_of(module: str) -> int:
    """Return the number of a module's line in LAYERS."""
    words = module.split(".")[1:]
    for length in range(len(words), -1, -1):
        for number, layer in enumerate(LAYERS):
            if ".".join(words[:length]) in layer:
                return number
    raise AssertionError(module)


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    here = layer_of(name_of(path))
    for module in imports(path, top=path in HOT):  # the hot half may import upward, but only on a miss
        if module.startswith("sandbox_venv.") and module != "sandbox_venv.__version__":
            assert here <= layer_of(module), f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", HOT, ids=name_of)
def test_hot_module_imports_nothing_but_what_is_there(path: Path) -> None:
    allowed = {name_of(item) for item in HOT}
    for module in imports(path, top=True):
        if module.startswith("sandbox_venv"):
            known = any(module == name or module.rsplit(".", 1)[0] == name for name in allowed)
            assert known, f"{name_of(path)} imports {module}"
        else:
            assert module in HOT_MODULES, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize(
    "path", [path for path in FILES if "inside" in path.parts or path.stem == "xdg_open"], ids=name_of
)
def test_what_runs_inside_is_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is long"


@pytest.mark.parametrize("path", HOT, ids=name_of)
def test_importing_a_hot_module_imports_no_heavy_one(path: Path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); __import__(sys.argv[2]); "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, ROOT, name_of(path)], check=True, capture_output=True, text=True
    )
    foreign = {name for name in done.stdout.split() if not name.startswith("sandbox_venv")}
    ours = {name for name in done.stdout.split() if name.startswith("sandbox_venv")}
    brought_by_ctypes = {"ctypes", "ctypes._endian", "_ctypes", "struct", "_struct", "types"}
    assert foreign <= HOT_MODULES | brought_by_ctypes
    assert all(
        name.startswith("sandbox_venv.launch") or name in {"sandbox_venv", "sandbox_venv.errors"} for name in ours
    )
