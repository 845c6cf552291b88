"""What a person sees, whole: transcripts, with what depends on the machine left open. UPDATE_GOLDEN=1 writes them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import User, Venv

pytestmark = pytest.mark.e2e
GOLDEN = Path(__file__).parent / "screens"
SCREENS = {
    "status-before": ["status"],
    "verify": ["verify"],
    "list": ["list"],
    "why": [
        "why",
        "secret",
        ".",
        ".venv",
        "/nonexistent",
        "env:HOME",
        "env:AWS_TOKEN",
        "syscall:ptrace",
        "lib:libno.so",
    ],
    "wrong-command": ["stauts"],
    "wrong-option": ["wrap", "--unshare-nett"],
    "wrong-question": ["why", "syscal:ptrace"],
    "trust-nothing": ["trust"],
    "trust-unasked": ["trust"],
    "trust": ["trust", "--yes"],
    "status": ["status"],
    "explain": ["explain"],
    "trust-again": ["trust", "--yes"],
    "explain-others": ["explain"],
    "explain-entry": ["explain", "--", "ruff"],
    "explain-installer": ["explain", "--", "pip", "list"],
    "unwrap": ["unwrap"],
    "status-plain": ["status"],
}
SETTINGS = {
    "trust-unasked": '[tool.sandbox-venv]\nnetwork = false\nlibs = ["libz.so.1"]\n',
    "trust-again": '[tool.sandbox-venv]\nlibs = ["libz.so.1", "libm.so.6"]\n[tool.sandbox-venv.entry.ruff]\nhide = ["a"]\n',
}
ERRORS = [
    ["status", "/nonexistent"],
    ["frobnicate"],
    ["run"],
    ["run", "--backend", "docker", "--", "true"],
    ["wrap", "--bind", "/nonexistent", "/x"],
    ["wrap", "--bind", "/x"],
    ["wrap", "--as-pid-1"],
    ["why"],
    ["why", "evn:HOME"],
    ["why", "syscall:ptracee"],
    ["explain", "--format", "yaml"],
    ["completion"],
    ["completion", "fisch"],
    ["list", "all"],
    ["ps", "--jsno"],
    ["trust", "-y"],
    ["unwrap", "--force"],
]


@pytest.fixture
def user(ordinary_user: User) -> User:
    return ordinary_user


@pytest.fixture
def backend() -> str:
    return "native"


def neutral(text: str, venv: Venv) -> str:
    for path, name in (
        (venv.project, "/home/me/proj"),
        (venv.user.home, "/home/me"),
        (f"~/{venv.project.name}", "~/proj"),
    ):
        text = text.replace(str(path), name)
    text = re.sub(r"(?m)^(  base +).*$", r"\1/usr/bin/python3", text)
    text = re.sub(r"\S+/venvs/[0-9a-f]{20}", "/home/me/.local/state/sandbox-venv/venvs/ID", text)
    text = re.sub(r"compiled \d+ s ago", "compiled N s ago", text)
    text = re.sub(r"(?m)^  (yes|NO ) {8}Landlock.*\n", "", text)
    text = re.sub(r"(?m)^(base +).*$", r"\1/usr/bin/python3", text)
    text = re.sub(r"(?m)^  (yes|NO )  ?Landlock.*\n", "", text)
    text = re.sub(r"\d+ system calls allowed", "N system calls allowed", text)
    text = re.sub(r"(?s)(\nMounts, in order.*?\n).*", r"\1  …\n", text)  # the plan itself: tests/unit/plan/golden
    return re.sub(r" \(native(, C launcher)?\)", " (native)", text)


def check_width(name: str, text: str) -> None:
    for line in text.splitlines():
        if not line.startswith(("$ ", "  to ", "  for ", "hint: ", "sandbox-venv: ")):  # what people copy isn't folded
            assert len(line) <= 80, (name, line)


def test_screens_are_as_reviewed(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv()
    venv.user.write(venv.user.home / "secret", "s")
    wrong = []
    for name, words in SCREENS.items():
        if name in SETTINGS:
            venv.user.write(venv.project / "pyproject.toml", SETTINGS[name])
        elif name == "status":
            venv.python("pass").check()
        arguments = [str(venv.user.home / word) if word == "secret" else word for word in words]
        done = venv.sandbox(*arguments)
        shown = " ".join(words)
        text = f"$ sandbox-venv {shown}\n{neutral(done.stdout + done.stderr, venv)}[{done.status}]\n"
        check_width(name, text)
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.mkdir(exist_ok=True)
            path.write_text(text)
        if text.split() != path.read_text().split():  # where a line folds depends on how long this machine's paths are
            wrong.append(f"--- {path.name}\n{text}")
    assert not wrong, "\n".join(wrong)


def test_errors_are_a_line_and_a_hint(shared_venvs: Callable[[str, str], Venv]) -> None:
    venv = shared_venvs("user", "native")
    found = []
    for words in ERRORS:
        done = venv.sandbox(*words)
        assert (done.stdout, done.status) == ("", 125), words
        error, hint = done.stderr.splitlines()
        assert error.startswith("sandbox-venv: ")
        assert hint.startswith("hint: ")
        found.append(f"$ sandbox-venv {' '.join(words)}\n{neutral(done.stderr, venv)}")
    text = "".join(found)
    path = GOLDEN / "errors.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
