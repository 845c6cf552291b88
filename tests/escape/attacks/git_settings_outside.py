"""Change what git's settings outside the project name in it: the user's own, and those of a repository above."""

from tests.escape.kit import TAMPER, Got, Lab

FILES = ("outside/hooks/pre-commit", "outside/more/monitor.sh", "outside/above/post-checkout", "outside/included.cfg")


def setup(lab: Lab) -> list[str]:
    paths = lab.mark(FILES, 0o755)
    top = lab.project.name
    lab.write(lab.home / ".gitconfig", "[core]\n\thooksPath = outside/hooks\n[include]\n\tpath = more.cfg\n")
    lab.write(lab.home / "more.cfg", '[filter "x"]\n\tclean = sh outside/more/monitor.sh %f\n')
    lab.write(lab.home / ".git/HEAD", "ref: refs/heads/main\n")
    include = f"[include]\n\tpath = ../{top}/outside/included.cfg\n"
    lab.write(lab.home / ".git/config", f"[core]\n\thooksPath = {top}/outside/above\n{include}")
    return paths


ATTACK = (
    TAMPER
    + """
def attack():
    return tamper(GIVEN) + plant(path for path in GIVEN if "/above/" in path)

def twin():
    with open("outside/more/source.py", "w") as file:
        return file.write("mine")
"""
)


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    lab.check_marks(FILES)
    assert got.twin is not None and got.twin.value == 4
