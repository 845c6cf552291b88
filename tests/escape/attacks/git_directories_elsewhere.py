"""Change the directory that git's own directory names as the common one: hooks and settings are there, whatever it is called."""

from tests.escape.kit import TAMPER, Got, Lab

FILES = (
    "bare/trees.git/config",
    "bare/trees.git/hooks/post-commit",
    "bare/trees.git/worktrees/main/gitdir",
    "bare/main/.git",
    "common/shared.d/config",
    "common/shared.d/hooks/pre-commit",
    "common/repository/.git/commondir",
)
TEXTS = {
    "bare/main/.git": "gitdir: ../trees.git/worktrees/main\n",
    "common/repository/.git/commondir": "../../shared.d\n",
}


def setup(lab: Lab) -> list[str]:
    for name in FILES:
        lab.write(lab.project / name, TEXTS.get(name, f"# {name}\n"), 0o755 if "hooks" in name else 0o644)
    lab.write(lab.project / "bare/trees.git/worktrees/main/commondir", "../..\n")
    for folder in ("bare/trees.git", "bare/trees.git/worktrees/main", "common/repository/.git"):
        lab.write(lab.project / folder / "HEAD", "ref: refs/heads/main\n")
    return [str(lab.project / name) for name in FILES]


ATTACK = (
    TAMPER
    + """
def attack():
    return tamper(GIVEN)

def twin():
    with open("bare/main/source.py", "w") as file:
        return file.write("mine")
"""
)


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    for name in FILES:
        assert (lab.project / name).read_text() == TEXTS.get(name, f"# {name}\n"), name
    assert got.twin is not None and got.twin.value == 4
