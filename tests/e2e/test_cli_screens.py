"""What a person sees, whole: transcripts, with what depends on the machine left open. UPDATE_GOLDEN=1 writes them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.harness import Venv

pytestmark = pytest.mark.e2e
GOLDEN = Path(__file__).parent / "screens"
SCREENS = {
    "status-before": ["status"],
    "verify": ["verify"],
    "list": ["list"],
    "ps": ["ps"],
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
    "trust": ["trust"],
    "status": ["status"],
}


@pytest.fixture
def backend() -> str:
    return "native"


def neutral(text: str, venv: Venv) -> str:
    for path, name in ((venv.project, "/home/me/proj"), (venv.user.home, "/home/me")):
        text = text.replace(str(path), name)
    text = re.sub(r"(?m)^(  base +).*$", r"\1/usr/bin/python3", text)
    text = re.sub(r"\S+/venvs/[0-9a-f]{20}", "/home/me/.local/state/sandbox-venv/venvs/ID", text)
    text = re.sub(r"compiled \d+ s ago", "compiled N s ago", text)
    text = re.sub(r"(?m)^  (yes|NO ) {8}Landlock.*\n", "", text)
    return re.sub(r" \(native(, started by the C launcher)?\)", " (native)", text)


def test_screens_are_as_reviewed(venv: Venv) -> None:
    venv.user.write(venv.user.home / "secret", "s")
    wrong = []
    for name, words in SCREENS.items():
        if name == "trust":
            venv.user.write(
                venv.project / "pyproject.toml", '[tool.sandbox-venv]\nnetwork = false\nlibs = ["libz.so.1"]\n'
            )
        elif name == "status":
            venv.python("pass").check()
        arguments = [str(venv.user.home / word) if word == "secret" else word for word in words]
        done = venv.sandbox(*arguments)
        shown = " ".join(words)
        text = f"$ sandbox-venv {shown}\n{neutral(done.stdout + done.stderr, venv)}[{done.status}]\n"
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.mkdir(exist_ok=True)
            path.write_text(text)
        if text != path.read_text():
            wrong.append(f"--- {path.name}\n{text}")
    assert not wrong, "\n".join(wrong)
