"""Have git outside obey the settings of a bare repository: one that is there, or one made of any directory."""

from tests.escape.kit import TAMPER, Got, Lab

FILES = ("data/fixture/config", "data/fixture/hooks/post-update", "data/deep/er/still/more/here/repo.git/config")


def setup(lab: Lab) -> list[str]:
    paths = lab.mark(FILES)
    for folder in ("data/fixture", "data/deep/er/still/more/here/repo.git"):
        lab.write(lab.project / folder / "HEAD", "ref: refs/heads/main\n")
        for name in ("objects", "refs"):
            lab.venv.user.makedirs(lab.project / folder / name)
    lab.write(lab.project / "data/no-repository/HEAD", "# a text\n")
    return paths


ATTACK = (
    TAMPER
    + """
import os

def attack():
    for name in ("objects", "refs"):
        os.makedirs("made-%s/src/%s" % (WAY, name))
    for name in ("HEAD", "config"):
        with open("made-%s/src/%s" % (WAY, name), "w") as file:
            file.write("planted")
    return tamper(GIVEN)

def twin():
    with open("data/no-repository/HEAD", "a") as file:
        return file.write("mine")
"""
)


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    lab.check_marks(FILES)
    assert f"{lab.project}/made-" in lab.notes() and "/src/HEAD" in lab.notes()
    assert "the session made" in got.stderr
    assert got.twin is not None and got.twin.value == 4
