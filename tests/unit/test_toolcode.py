"""The copy of the tool that launchers import: what is in it, when it is made anew, when it is removed."""

from __future__ import annotations

import contextlib
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_venv import toolcode
from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir, open_state


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return open_state({"XDG_STATE_HOME": str(tmp_path / "state")})


def test_copy_of_the_tool_runs_alone_from_byte_code(state: StateDir, tmp_path: Path) -> None:
    code = state.install_code()
    assert code.parent == state.root / "code"
    assert state.install_code() == code
    check = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sandbox_venv.cli, sandbox_venv.plan.build;"
        "import elftools, dotenv;"
        "import importlib.util; spec = importlib.util.find_spec('pyseccomp');"
        "print(sandbox_venv.cli.__file__, sandbox_venv.cli.__spec__.cached, spec.origin, sandbox_venv.cli.main.__code__.co_filename)"
    )
    base = toolcode.tool_interpreter()
    done = subprocess.run([base, "-ISB", "-c", check, code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(item.startswith(str(code)) for item in done.stdout.split())
    cached = Path(done.stdout.split()[1])
    assert int.from_bytes(cached.read_bytes()[4:8], "little") == 1, "hash-based, unchecked (PEP 552)"
    assert not list(code.parent.glob(".tmp*"))


def test_byte_code_is_taken_over_where_it_is_of_the_source(tmp_path: Path) -> None:
    path, data, kinds = tmp_path / "module.py", b"value = 1\n", py_compile.PycInvalidationMode

    def installed(kind: py_compile.PycInvalidationMode, source: bytes = data) -> bytes | None:
        path.write_bytes(data)
        cached = py_compile.compile(str(path), doraise=True, optimize=0, invalidation_mode=kind)
        if source != data:
            path.write_bytes(source)
            os.utime(path, (0, 0))
        assert cached == toolcode._byte_code(str(path))
        return toolcode._installed(str(path), source)

    for kind in (kinds.TIMESTAMP, kinds.CHECKED_HASH):
        code = installed(kind) or b""
        assert b"value" in code
        assert toolcode._compiled(str(path), data, "/copy").endswith(code)
        assert installed(kind, b"other = 1\n") is None
        assert b"other" in toolcode._compiled(str(path), b"other = 1\n", "/copy")
    assert installed(kinds.UNCHECKED_HASH) is None
    for damaged in (b"", b"\0" * 16, Path(toolcode._byte_code(str(path))).read_bytes()[:-3]):
        assert installed(kinds.TIMESTAMP)
        Path(toolcode._byte_code(str(path))).write_bytes(damaged)
        assert toolcode._installed(str(path), data) is None


def test_damaged_copy_is_made_anew(state: StateDir) -> None:
    code = state.install_code()
    (code / "sandbox_venv" / "errors.py").write_bytes(b"")
    (code / "dotenv" / "main.py").unlink()
    assert state.install_code() == code
    assert b"SandboxError" in (code / "sandbox_venv" / "errors.py").read_bytes()
    assert (code / "dotenv" / "main.py").exists()


def test_other_contents_are_another_copy(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    code = state.install_code()
    monkeypatch.setattr(toolcode, "__version__", "0.0.0+other")
    assert state.install_code() != code


def test_copies_that_nothing_names_any_more_are_removed(state: StateDir, tmp_path: Path) -> None:
    names = ["in-a-record", "in-a-plan", "on-a-command-line", "in-an-executable", "nowhere", "nowhere-but-young"]
    copies = [state.make(state.root / "code" / name) for name in names]
    for copy in copies[:-1]:
        os.utime(copy, (0, 0))
    state.write_atomic(state.registry_dir / "1" / "record.json", b'{"code": "/code/in-a-record"}')
    state.write_atomic(state.root / "runs" / "2" / "run.plan", b"\0/code/in-a-plan\0")
    sleep = Path("/bin/sleep").read_bytes()
    assert len(sleep) < toolcode.MAX_LAUNCHER
    (tmp_path / "launcher").write_bytes(sleep + b"/code/in-an-executable\0")
    (tmp_path / "launcher").chmod(0o755)
    (tmp_path / "stub").write_text("import time; time.sleep(60)")
    current = state.root / "code" / "current"
    python = [sys.executable, "-IS"]
    with contextlib.ExitStack() as stack:
        running = [
            subprocess.Popen([*python, tmp_path / "stub"]),
            subprocess.Popen([*python, "-c", "import time; time.sleep(60) # on-a-command-line"]),
            subprocess.Popen([tmp_path / "launcher", "60"]),
        ]
        for process in running:
            stack.callback(end, process)
        (tmp_path / "launcher").unlink()
        ids = [str(process.pid) for process in running]
        toolcode.collect(state, current, ids)
        assert all(copy.exists() for copy in copies), "a launcher runs of which nothing is known"
        end(running[0])
        toolcode.collect(state, current, ids)
        assert [copy.name for copy in copies if copy.exists()] == [name for name in names if name != "nowhere"]
    toolcode.collect(state, current, ids)
    assert [copy.name for copy in copies if copy.exists()] == ["in-a-record", "in-a-plan", "nowhere-but-young"]


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_module_planted_in_the_current_directory_is_not_copied(
    state: StateDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dotenv.py").write_text("evil = 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert not (state.install_code() / "dotenv.py").exists()


def test_missing_dependency_is_named(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolcode, "_search_path", list)
    with pytest.raises(SandboxError, match="pyelftools isn't installed"):
        state.install_code()
