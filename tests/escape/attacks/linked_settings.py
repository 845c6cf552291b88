"""Change what a name that the host obeys leads to: settings, hooks and a git directory that are links in the project."""

from tests.escape.kit import TAMPER, WAYS, Got, Lab

LINKS = {
    "GEMINI.md": "linked/agent.md",
    ".windsurf": "linked/windsurf",
    "linked/worktree/.git": "../git-directory",
    ".git/hooks/pre-rebase": "../../linked/rebase.sh",
    ".vscode/launch.json": "../linked/launch.json",
    **{f"linked/{way}/.mcp.json": f"../chain-{way}.json" for way in WAYS},
    **{f"linked/chain-{way}.json": f"servers-{way}.json" for way in WAYS},
}
FILES = (
    "linked/agent.md",
    "linked/windsurf/mcp.json",
    "linked/git-directory/config",
    "linked/rebase.sh",
    "linked/launch.json",
    *(f"linked/servers-{way}.json" for way in WAYS),
)


def setup(lab: Lab) -> list[str]:
    paths = [path for name in FILES for path in lab.mark([name], 0o755 if name.endswith(".sh") else 0o644)]
    for name, target in LINKS.items():
        lab.venv.user.makedirs((lab.project / name).parent)
        (lab.project / name).symlink_to(target)
    lab.write(lab.project / ".git/HEAD", "# .git/HEAD\n")
    return paths


ATTACK = (
    TAMPER
    + """
import os

def attack():
    done = tamper([path for path in GIVEN if "servers-" not in path or WAY in path])
    os.unlink("linked/chain-%s.json" % WAY)  # nothing can be mounted on a link: that it leads elsewhere is told
    with open("linked/chain-%s.json" % WAY, "w") as file:
        file.write("planted")
    return [WAY, done]

def twin():
    with open("linked/free.txt", "w") as file:
        return file.write("mine")
"""
)


def check(lab: Lab, got: Got) -> None:
    way, done = got.attack.value
    assert done == [], got.attack
    lab.check_marks(FILES)
    assert f"linked/{way}/.mcp.json" in lab.notes()
    assert got.twin is not None and got.twin.value == 4
