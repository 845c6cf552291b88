"""Write the venv: never in a run session; an install session may write packages, not what the host starts or reads."""

from tests.escape.kit import Got, Lab

ATTACK = """
import glob
import os

VENV = os.environ["VIRTUAL_ENV"]
SITE = glob.glob(VENV + "/lib/python3*/site-packages")[0]

def tried(paths):
    done = []
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755))
            done.append(os.path.relpath(path, VENV))
            os.unlink(path)
        except OSError:
            pass
    return done

def attack():
    names = ("pyvenv.cfg", "sandbox/x", "sandbox/bin/x", "sandbox/new/x", "home/x", "cache/x", "bin/../sandbox/bin/python")
    return tried([VENV + "/" + name for name in names])

def twin():
    return tried([SITE + "/package.py", VENV + "/share/x", VENV + "/bin/new-tool", VENV + "/top-file"])
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    install = "--session" in got.stderr  # never: told apart by what could be written
    assert not install
    assert got.twin is not None and got.twin.value in ([], [*twin_names(lab)]), got.twin


def twin_names(lab: Lab) -> list[str]:
    """Return what an install session may write."""
    (site,) = lab.venv.path.glob("lib/python3*/site-packages")
    return [str(site.relative_to(lab.venv.path) / "package.py"), "share/x", "bin/new-tool", "top-file"]
