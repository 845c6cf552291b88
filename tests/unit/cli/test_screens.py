"""What a person sees of help and doctor's table, whole. UPDATE_GOLDEN=1 writes the transcripts."""

import os
import sys
from pathlib import Path

import pytest

from sandbox_venv.commands import common, doctor
from sandbox_venv.probe import ProbeResult
from sandbox_venv.usage import COMMANDS, help_text, overview

GOLDEN = Path(__file__).parent / "screens"


def compare(name, text):
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
    assert max(map(len, text.splitlines())) <= 80


def row(ok, detail="as it should be"):
    return ProbeResult(ok, detail, "something that programs would have had, and that takes more than a line to say",
                       "a remedy that doesn't weaken the machine, but takes some more than eighty columns")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "works"),
    [
        ("doctor", ("native", "bwrap", "seccomp")),
        ("doctor-one-backend", ("native", "seccomp")),
        ("doctor-none", ("seccomp",)),
    ],
)
def test_doctors_table(name, works, capfdbinary):
    table = {key: row(key in works) for key in ("native", "bwrap", "seccomp", "tiocsti")}
    table["userns"] = row("native" in works, "what was found here, which takes more than the columns that are left")
    doctor.show(table)
    common.say(doctor.verdict(table))
    compare(name, capfdbinary.readouterr().out.decode())


@pytest.mark.parametrize(
    ("works", "outcome", "status"),
    [(True, None, 0), (False, None, 1), (True, "stopped", 0), (True, "came through", 1), (False, "stopped", 1)],
)
def test_doctors_status_is_1_where_there_is_no_sandbox_or_an_attack_came_through(works, outcome, status, monkeypatch):
    table = {key: row(works) for key in ("userns", "native", "bwrap", "seccomp")}
    monkeypatch.setattr(doctor, "rows", lambda: table)
    monkeypatch.setattr(doctor, "attack", lambda _: [["name", "Try", "stopped", ""], ["other", "Try", outcome, ""]])
    assert doctor.doctor(["--attack"] if outcome else []) == status


def test_help():
    texts = [("", overview()), *((f"{usage.name} ", help_text(usage.name)) for usage in COMMANDS)]
    compare("help", "".join(f"$ sandbox-venv {name}--help\n{text}\n" for name, text in texts))


def test_long_texts_are_folded_between_words_and_paths_stay_whole():
    path = "/a-path/" + "x" * 90
    assert common.fold("  rule: ", f"some {path} there") == ["  rule: some", f"        {path}", "        there"]
    assert common.fold("  note: ", "") == ["  note:"]
    assert common.fold("a ", "b " * 60, rest=4)[1].startswith("    b")


def test_a_home_is_written_as_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert [common.tilde(path) for path in ("/home/me/x", "/home/me", "/home/mean")] == [
        "~/x",
        "/home/me",
        "/home/mean",
    ]


@pytest.mark.parametrize(
    ("terminal", "env", "colourful"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": ""}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (False, {"TERM": "xterm"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(terminal, env, colourful, monkeypatch):
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", type("Out", (), {"isatty": lambda _: terminal})())
    assert common.is_colourful() is colourful
    assert common.paint("x", common.RED) == ("\x1b[31mx\x1b[0m" if colourful else "x")
