"""Close a directory (chmod 000) so that the next start can't see the repository in it, open it again there, write hooks."""

from tests.escape.kit import Got, Lab

PLACES = ("closed", "closed/a/b", "deep-closed/1/2/3/4/5/6")
"""Directories that hold a ``.git``; the last is deeper than the search before each start goes."""


def setup(lab: Lab) -> list[str]:
    for place in PLACES:
        lab.write(lab.project / place / ".git/hooks/pre-commit", "# hook\n", 0o755)
        lab.write(lab.project / place / ".git/config", "# config\n")
    code = "import os, sys\nfor p in sys.argv[1:]: os.chmod(p, 0)"
    for way in ("run", "install"):  # a session before this one
        lab.start(way, "python", "-c", code, "closed/a/b", "deep-closed/1/2/3/4/5", "deep-closed/1/2").check()
        if way == "run":
            lab.shell("chmod -R u+rwX closed deep-closed")
    return [f"{lab.project}/{place}" for place in PLACES]


ATTACK = """
import os

def attack():
    done = []
    for path in GIVEN:
        for place in [path[:at] for at in range(len(os.environ["PWD"]) + 1, len(path) + 1) if path[at:at + 1] in ("/", "")]:
            try:
                os.chmod(place, 0o700)
            except OSError:
                pass
        for name in ("/.git/hooks/pre-commit", "/.git/config", "/.git/hooks/post-checkout"):
            try:
                with open(path + name, "w") as file:
                    file.write("planted")
                done.append(path + name)
            except OSError:
                pass
    return done

def twin():
    os.makedirs("mine/inner")
    os.chmod("mine", 0)
    os.chmod("mine", 0o700)
    os.rmdir("mine/inner")
    os.rmdir("mine")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.ok, got.twin
    lab.shell("chmod -R u+rwX closed deep-closed")
