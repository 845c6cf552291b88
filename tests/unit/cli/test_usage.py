"""Help, completions: one source, and each fits a terminal of 80 columns and 24 lines."""

import os
import subprocess
import sys

import pytest

from sandbox_venv import cli
from sandbox_venv.commands import completion
from sandbox_venv.usage import BY_NAME, COMMANDS, help_text, overview
from tests.support.programs import need

SCREENS = {"overview": overview(), **{name: help_text(name) for name in BY_NAME}}


@pytest.mark.parametrize("name", SCREENS)
def test_help_fits_a_screen(name):
    lines = SCREENS[name].splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_every_command_is_described_and_every_description_is_a_command():
    assert {usage.name for usage in COMMANDS} == {*cli.COMMANDS, *cli.MODULES}
    for name in BY_NAME:
        assert callable(cli.find_command(name))


@pytest.mark.parametrize("name", BY_NAME)
def test_examples_are_command_lines(name):
    assert BY_NAME[name].examples
    for example in BY_NAME[name].examples:
        assert example.split()[0] == name


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_scripts_are_good_in_their_shell(shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(completion.SCRIPTS[shell]())
    need(shell)
    assert subprocess.run([shell, "-n", script], capture_output=True, text=True, check=True).stderr == ""


def test_an_unknown_shell_is_refused_with_the_nearest_name(capsys):
    assert cli.main(["completion", "fisch"]) == 125
    assert "did you mean fish?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help"], ["--help"], ["help", "why"], ["why", "--help"], ["run", "--help"]])
def test_help_by_any_of_its_names(words):
    done = subprocess.run(
        [sys.executable, "-m", "sandbox_venv", *words], capture_output=True, text=True, env={**os.environ, "HOME": "/"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (overview() if len(words) == 1 else help_text("run" if words[0] == "run" else "why"))


def test_a_directory_with_a_commands_name_is_no_venv(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "completion").mkdir()
    assert cli.main(["completion"]) == 125
    assert "a shell is needed" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["completion", "zsh"]])
def test_output_that_cannot_be_written_is_one_line(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox_venv", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 125
    error, hint = done.stderr.splitlines()
    assert error.endswith(": No space left on device")
    assert hint.startswith("hint: ")


def test_a_reader_that_leaves_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "sandbox_venv", "--help"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
