"""Replace a protected directory by renaming what is above it and building it anew: `mv x y; mkdir -p x/.venv/bin`."""

import os

from tests.escape.kit import Got, Lab


def setup(lab: Lab) -> list[str]:
    lab.write(lab.project / "around/a/b/.git/config", "# b\n")
    lab.write(lab.project / "around/a/b/.git/HEAD", "ref: x\n")
    own = [lab.venv.path / name for name in ("bin", "home", "cache", "sandbox", "pyvenv.cfg")]
    return [str(path) for path in (*own, lab.venv.path, lab.project, lab.home)] + [
        f"{lab.project}/around/a/b/.git",
        f"{lab.project}/around/a/b",
        f"{lab.project}/around/a",
        f"{lab.project}/around",
    ]


ATTACK = """
import ctypes
import os
import shutil

libc = ctypes.CDLL(None, use_errno=True)

def attack():
    done = []
    for path in GIVEN:
        for target in (path + "-old", os.environ["PWD"] + "/old", "/tmp/old", os.environ["HOME"] + "/old"):
            for change in (lambda: os.rename(path, target), lambda: os.replace(path, target)):
                try:
                    change()
                    done.append([path, target])
                except OSError:
                    pass
        os.makedirs("exchange", exist_ok=True)
        if libc.renameat2(-100, os.fsencode(path), -100, b"exchange", 2) == 0:
            done.append([path, "exchanged"])
        try:
            os.rmdir(path)
            done.append([path, "removed"])
        except OSError:
            pass
        shutil.rmtree(path, ignore_errors=True) if path.endswith(("/.git", "/sandbox")) else None
    return done

def twin():
    os.makedirs("movable/a/b")
    os.rename("movable/a", "movable/c")
    shutil.rmtree("movable")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert (lab.project / "around/a/b/.git/config").read_text() == "# b\n"
    assert (lab.venv.path / "bin" / "python").is_file() and not (lab.venv.path / "bin" / "python").is_symlink()
    assert os.listdir(lab.venv.path / "sandbox" / "bin")
    assert got.twin is not None and got.twin.ok, got.twin
