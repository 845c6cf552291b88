"""Make so many repositories and directories that the search for what to protect ends before it comes to the real ones."""

from tests.escape.kit import Got, Lab

REAL = ("zz-real/.git/hooks/pre-commit", "zz-real/deep/er/.git/config")
LATER = ("zz-later/sub/.git/config",)
FLOOD = """
import os
for n in range(300):
    os.makedirs("decoys/%03d/.git" % n, exist_ok=True)
for n in range(5000):
    os.makedirs("aa-decoys/%05d" % n, exist_ok=True)
"""


def setup(lab: Lab) -> list[str]:
    for name in REAL:
        lab.write(lab.project / name, "# real\n", 0o755)
    for way in ("run", "install"):
        lab.start(way, "python", "-c", "pass").check()
    lab.start("run", "python", "-c", FLOOD).check()
    for name in LATER:  # a repository that comes after them
        lab.write(lab.project / name, "# real\n", 0o755)
    lab.write(lab.project / ".env", "DECOY=1\n")  # a session can do that, too: each plan is compiled anew
    return [f"{lab.project}/{name}" for name in REAL + LATER]


ATTACK = """
import os

def attack():
    done = []
    for path in GIVEN:
        for attempt in (lambda: open(path, "w").write("planted"), lambda: open(os.path.dirname(path) + "/new", "w"),
                        lambda: os.rename(os.path.dirname(path), path + "-x")):
            try:
                attempt()
                done.append(path)
            except OSError:
                pass
    return done

def twin():
    with open("zz-real/deep/source.py", "w") as file:
        return file.write("mine")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert [(lab.project / name).read_text() for name in REAL + LATER] == ["# real\n"] * 3
    assert got.twin is not None and got.twin.value == 4
