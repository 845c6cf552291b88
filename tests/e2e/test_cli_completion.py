"""Completion in the shells themselves: keys go in, the line is completed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.harness import Terminal, Tool, User, run_as
from tests.support.programs import need

pytestmark = pytest.mark.e2e

CTRL_U = "\x15"
CASES = [
    ("stat", "status"),
    ("explain --form", "explain --format"),
    ("explain --format j", "explain --format json"),
    ("wrap --backend n", "wrap --backend native"),
    ("wrap --unshare-n", "wrap --unshare-net"),
    ("completion z", "completion zsh"),
    ("wrap my", "wrap my dir/"),
    ("run -- cat my", "run -- cat my dir/"),
    ("run -- my-e", "run -- my-entry"),
    ("wrap --preset vs", "wrap --preset vscode"),
    ("run --allow nu", "run --allow numa"),
    ("status .v", "status .venv/"),
    ("status --js", "status --json"),
]
"""What is typed after the tool's name, and what it becomes."""


@pytest.fixture
def home(tool: Tool, ordinary_user: User) -> User:
    """A user with a directory that has a space in its name, and the scripts where shells look for them."""
    user = ordinary_user
    user.makedirs(user.home / "my dir")
    user.write(user.home / ".venv/bin/my-entry", "", 0o755)
    for shell, name in (("bash", "c.bash"), ("zsh", "functions/_sandbox-venv"), ("zsh", "c.zsh"), ("fish", "c.fish")):
        script = tool.run(user, "completion", shell).check().stdout
        user.makedirs((user.home / name).parent)
        user.write(user.home / name, script)
    return user


@pytest.fixture(params=["bash", "zsh from $fpath", "zsh by source"])
def shell(request: pytest.FixtureRequest, home: User) -> Iterator[Terminal]:
    """A shell at its prompt, completion loaded."""
    name, _, way = request.param.partition(" ")
    lines = {
        "": "source ./c.bash",
        "from $fpath": "fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D",
        "by source": "autoload -U compinit; compinit -u -D; source ./c.zsh",
    }
    argv = [need(name), *(["--norc", "--noprofile"] if name == "bash" else ["-f"]), "-i"]
    with Terminal(home, argv, cwd=home.home, env={"TERM": "dumb", "LC_ALL": "C.UTF-8", "PS1": "> "}) as terminal:
        terminal.send(f"{lines[way]}; echo 'load''ed'\n")
        terminal.expect("^loaded")
        yield terminal


def shows(terminal: Terminal, start: int, wanted: str) -> bool:
    """Wait until what came since ``start`` ends as wanted, whatever the line editor moved and drew again."""
    for _ in range(100):
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f]", "", terminal.screen[start:])
        if text.rstrip(" /").endswith(wanted.rstrip("/")):
            return True
        terminal.read(0.1)
    return False


def test_a_tab_completes_the_word(shell: Terminal) -> None:
    shell.expect("> ")
    for typed, wanted in CASES:
        start = len(shell.screen)
        shell.send(f"{CTRL_U}sandbox-venv {typed}\t")
        assert shows(shell, start, "sandbox-venv " + wanted.replace("my dir", "my\\ dir")), shell.screen[start:]


def test_fish_completes_the_word(home: User) -> None:
    path = need("fish")
    for typed, wanted in CASES:
        code = f"source c.fish; complete -C 'sandbox-venv {typed}'"
        done = run_as(home, [path, "-c", code], cwd=home.home).check()
        found = [line.split("\t")[0] for line in done.stdout.splitlines()]
        assert [word.replace("\\", "") for word in found] == [
            wanted.split(" ", wanted.count(" ") - ("my dir" in wanted))[-1]
        ]
