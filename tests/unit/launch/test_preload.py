"""The file that launchers import from, and what happens without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_venv import bundle, toolcode
from sandbox_venv.venv.launchers import _body

ASK = "lambda *_: print(type(sys.modules['sandbox_venv.launch.planfile'].__loader__).__name__, sys.modules.get('os'))"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tool, as wrapping makes it, less its dependencies."""
    for name, (data, _) in toolcode._files().items():
        if name.startswith("sandbox_venv/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    (tmp_path / "hot.bin").write_bytes(bundle.write(tmp_path, toolcode._files()))
    return tmp_path


def loader_of(copy: Path) -> str:
    """Return by whom a launcher's modules are loaded."""
    code = _body(copy, "sandbox_venv.launch.planfile", "read", b"/nowhere").replace("read(b'/nowhere')", "")
    code += f"\n({ASK})()\n"
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def test_launchers_import_from_the_one_file(copy: Path) -> None:
    assert loader_of(copy) == "Preloaded"


@pytest.mark.parametrize("damage", ["missing", "other version", "cut", "empty"])
def test_without_it_they_import_as_usual(copy: Path, damage: str) -> None:
    file = copy / "hot.bin"
    data = file.read_bytes()
    file.write_bytes({"other version": b"1234" + data[4:], "cut": data[:40]}.get(damage, b""))
    if damage == "missing":
        file.unlink()
    assert loader_of(copy) == "SourceFileLoader"


def test_a_damaged_module_of_it_is_read_from_its_source(copy: Path) -> None:
    file = copy / "hot.bin"
    data = file.read_bytes()
    file.write_bytes(data[:16384] + bytes(len(data) - 16384))
    assert loader_of(copy) == "Preloaded"


def test_a_module_of_it_knows_its_place(copy: Path) -> None:
    code = _body(copy, "sandbox_venv.launch", "__path__", b"").replace("__path__(b'')", "")
    code += (
        "\nimport sandbox_venv.launch.main as main, sandbox_venv.hints as cold"
        "\nprint(main.__file__, main.check_place.__code__.co_filename, cold.__file__, main.check_place.__doc__)"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True)
    package = os.path.join(copy, "sandbox_venv")
    assert done.stdout.split() == [f"{package}/launch/main.py"] * 2 + [f"{package}/hints.py", "None"]


def test_one_read_brings_what_a_module_is_imported_with(copy: Path) -> None:
    code = _body(copy, "sandbox_venv.launch.main", "after", b"").replace("after(b'')", "")
    count = "opened = []\nsys.addaudithook(lambda name, args: name == 'open' and opened.append(args[0]))\n"
    code = code.replace("sys.dont_write_bytecode", count + "sys.dont_write_bytecode")
    code += "\nfrom sandbox_venv.launch import recorded, linux\nimport sandbox_venv.launch.inside.init as init\n"
    code += (
        "assert init is recorded.init and recorded.linux is linux and after.__module__ == 'sandbox_venv.launch.main'\n"
    )
    code += "print(len(opened), [name for name in opened if not str(name).endswith('hot.bin')])"
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True)
    # the table; the two packages above; main with all its modules; what native needs
    assert done.stdout == "5 []\n"
