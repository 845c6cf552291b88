"""Put a completion beside bin/, where bash-completion runs it in the shell of whoever presses the tab key."""

from tests.escape.kit import Got, Lab

SESSIONS = ("install",)
PLACE = "share/bash-completion/completions"


def setup(lab: Lab) -> str:
    return str(lab.venv.path)


ATTACK = """
import os

def attack():
    done = []
    os.makedirs(GIVEN + "/share/bash-completion/completions", exist_ok=True)
    with open(GIVEN + "/share/bash-completion/completions/git", "w") as file:
        file.write("planted")
    for name in ("share/bash-completion", "share"):
        try:
            os.rename(GIVEN + "/" + name, GIVEN + "/moved")
            done.append(name)
        except OSError:
            pass
    return done

def twin():
    os.makedirs(GIVEN + "/share/man/man1", exist_ok=True)
    with open(GIVEN + "/share/man/man1/tool.1", "w") as file:
        return file.write("mine")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert not list((lab.venv.path / "share/bash-completion").iterdir())
    assert (lab.venv.path / "share/man/man1/tool.1").read_text() == "mine"
