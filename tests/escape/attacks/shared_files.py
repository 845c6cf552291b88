"""Write a package's file in place that is a hard link to one elsewhere: uv's cache, and every other venv made from it."""

import os

from tests.escape.kit import Got, Lab

SESSIONS = ("install",)


def setup(lab: Lab) -> str:
    cached = lab.write(lab.home / "linked-cache/module.py", "# cached\n")
    (site,) = lab.venv.path.glob("lib/python3*/site-packages")
    for name in ("linked_module.py", "linked_again.py"):
        os.link(cached, site / name)
    os.link(cached, lab.project / "linked.py")
    return str(site)


ATTACK = """
import os

def attack():
    with open(GIVEN + "/linked_module.py", "r+") as file:
        file.write("planted")
    with open(GIVEN + "/linked_again.py") as file:
        return file.read()

def twin():
    with open(GIVEN + "/fresh.py", "w") as file:
        file.write("mine")
    os.link(GIVEN + "/fresh.py", GIVEN + "/fresh_link.py")
    return os.stat(GIVEN + "/fresh.py").st_nlink
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.ok and got.attack.value.startswith("planted"), got.attack  # the venv's own file, both its names
    assert (lab.home / "linked-cache/module.py").read_text() == "# cached\n"
    assert got.twin is not None and got.twin.value == 2, got.twin
