"""Whatever stands on the command line, no traceback comes of it: a status, or one line with a hint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox_venv import cli
from sandbox_venv.commands import doctor
from sandbox_venv.plan.options import ARITY, REFUSED
from sandbox_venv.probe import ProbeResult

EXAMPLES = int(os.environ.get("CLI_EXAMPLES", "100"))
OWN = [
    "--json", "--attack", "--yes", "--help", "-h", "--version", "--format", "--format=json", "--format=", "--backend",
    "--backend=native", "--backend=", "--session", "--session=install", "--venv", "--venv=.venv", "--venv=", "--project",
    "--project=..", "--", "-", "-x", "--=", "--json=1",
]  # fmt: skip
WORDS = [
    "/", "/x", "1", "~/x", "A",
    ".venv", ".", "..", "/", "nope", "", "a\nb", "\x1b[31m", "é", "\udcff", "x" * 5000, "env:HOME", "env:", "env:A=B",
    "lib:", "lib:libz.so.1", "lib:/x", "syscall:", "syscall:read", "syscall:é", "kind:x", ":", ":x", "/etc/hosts", "~",
    "~root", "0", "-1", "99999999999999999999", "9", "as=1", "cpu=1:2:3", "devel", "x11", "bash", "python", "pip",
    "--x", "/proc/self", "/proc/1/root", "file", ".venv/bin/python", "it's", "/dev/null", "dangling",
]  # fmt: skip
COMMANDS = [*cli.COMMANDS, *cli.MODULES, "help"]
WORD = st.sampled_from(WORDS)
VALUE = st.sampled_from(["", "/x", "~", "1", "A", "file"])
OPTION = st.sampled_from([*ARITY]).flatmap(
    lambda name: st.lists(VALUE, min_size=ARITY[name], max_size=ARITY[name]).map([name].__add__)
)
"""An option with as many arguments as it takes, of whatever kind."""
ANY = st.one_of(st.sampled_from([*OWN, *ARITY, *REFUSED]), WORD).map(lambda word: [word])
LINES = st.one_of(
    st.tuples(st.sampled_from([*COMMANDS, *OWN, *WORDS]).map(lambda word: [word]), st.lists(ANY | OPTION, max_size=5)),
    st.tuples(st.sampled_from([["why", "file"], ["explain"], ["wrap"]]), st.lists(OPTION, min_size=1, max_size=3)),
).map(lambda line: [*line[0], *(word for piece in line[1] for word in piece)])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a venv, a file and a link to nothing."""
    path = tmp_path_factory.mktemp("arguments") / "project"
    path.mkdir()
    (path.parent / "home").mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path / ".venv"], check=True)
    (path / "file").touch()
    (path / "it's").touch()
    (path / "dangling").symlink_to("nothing")
    return path


@given(LINES)
@example(["why", "file", "--hostname", ""])
@example(["why", "/", "--uid", ""])
@example(["why", "syscall:é"])
@example(["explain", "/proc/1/root"])
@settings(
    max_examples=EXAMPLES,
    derandomize="CLI_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_command_line_ends_in_a_traceback(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Programs aren't started, nor the machine probed: what is read of the words is what counts."""
    for name, value in (("HOME", "home"), ("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data")):
        monkeypatch.setenv(name, str(place.parent / value))
    for name in ("VIRTUAL_ENV", "BWRAP_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    monkeypatch.setattr(cli, "guarded", lambda *_: 0)
    monkeypatch.setattr(os, "execv", lambda *_: 0)
    table = {name: ProbeResult(True, "there") for name in ("userns", "seccomp", "native", "bwrap", "python")}
    monkeypatch.setattr(doctor, "rows", lambda: table)
    monkeypatch.setattr(doctor, "attack", lambda _: [])
    status = cli.main(words)
    said = capfd.readouterr().err
    assert "a mistake in sandbox-venv" not in said
    lines = [line for line in said.splitlines() if "warning" not in line]
    if status == 125:
        error, hint = lines
        assert error.startswith("sandbox-venv: ")
        assert hint.startswith("hint: ")
    else:
        assert status in (0, 1, None)
    assert said.isprintable() or said.replace("\n", "").isprintable()


def test_what_nobody_foresaw_is_one_line_and_a_traceback_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: list[str]) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(cli.COMMANDS, "wrap", fail)
    assert cli.main(["wrap"]) == 125
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "sandbox-venv: wrap: ZeroDivisionError: by zero"
    assert "--debug" in hint
    with pytest.raises(ZeroDivisionError):
        cli.main(["--debug", "wrap"])
