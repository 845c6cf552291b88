"""Reach another wrapped venv that lies in the project: its launchers, originals, packages, the directory around it."""

from tests.escape.kit import Got, Lab
from tests.harness import run_as, system_python


def setup(lab: Lab) -> str:
    path = lab.venv.user.makedirs(lab.project / "tools" / "x") / ".venv"
    run_as(lab.venv.user, [system_python(), "-m", "venv", "--without-pip", path]).check()
    lab.venv.sandbox("wrap", path, "--backend", lab.venv.backend, cwd=path.parent).check()
    return str(path)


ATTACK = """
import os
import glob

def attack():
    done = []
    targets = [GIVEN + "/bin/python", GIVEN + "/bin/activate", GIVEN + "/pyvenv.cfg", GIVEN + "/sandbox/bin/python3",
               GIVEN + "/home/x", GIVEN + "/new", GIVEN + "/bin/new", glob.glob(GIVEN + "/lib/python3*")[0] + "/site-packages/x.pth"]
    for path in targets:
        for flags in (os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_TRUNC):
            try:
                os.close(os.open(path, flags, 0o755))
                done.append(path)
            except OSError:
                pass
    for path in (GIVEN, os.path.dirname(GIVEN), os.path.dirname(os.path.dirname(GIVEN))):
        try:
            os.rename(path, path + "-old")
            done.append(path)
        except OSError:
            pass
    return done

def twin():
    with open(os.path.dirname(GIVEN) + "/notes.txt", "w") as file:
        file.write("its project is only a directory of ours")
    with open(GIVEN + "/pyvenv.cfg") as file:
        return "home" in file.read()
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value is True
