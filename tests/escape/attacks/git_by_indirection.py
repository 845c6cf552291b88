"""Change what a read-only git configuration names: included files, a hooks directory, scripts for fsmonitor and filters."""

from tests.escape.kit import TAMPER, Got, Lab

FILES = (
    "gitconf/shared.cfg",
    "gitconf/nested.cfg",
    "tools/hooks/pre-commit",
    "tools/monitor.sh",
    "tools/clean.sh",
    "tools/attributes",
    "tools/pager",
)
CONFIG = """[core]
\trepositoryformatversion = 0
\thooksPath = tools/hooks
\tfsmonitor = ./tools/monitor.sh
\tattributesFile = {project}/tools/attributes
\tpager = \\"tools/pager\\" -x
[include]
\tpath = ../gitconf/shared.cfg
[filter "x"]
\tclean = sh tools/clean.sh %f
"""


def setup(lab: Lab) -> list[str]:
    top = lab.project / "by-indirection"
    for name in FILES:
        lab.write(top / name, f"# {name}\n", 0o755)
    lab.write(top / "gitconf/shared.cfg", "[include]\n\tpath = nested.cfg\n")
    lab.write(top / ".git/HEAD", "ref: refs/heads/main\n")
    lab.write(top / ".git/config", CONFIG.replace("{project}", str(top)))
    return [str(top / name) for name in FILES]


ATTACK = (
    TAMPER
    + """
def attack():
    return tamper(GIVEN)

def twin():
    with open("by-indirection/source.py", "w") as file:
        return file.write("mine")
"""
)


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value == 4
