"""Make what host tools obey and what did not exist: it can't be prevented without ghost files, so it is reported."""

import os

from tests.escape.kit import Got, Lab

TOP = {
    "run": (".mise.toml", ".jj", ".exrc", "usercustomize.py"),
    "install": (".dir-locals.el", ".direnv", ".gitlab-ci.yml"),
    "launcher": (".zed", ".hg"),
}
BELOW = (
    "fresh/.git/config",
    "fresh/nest/.envrc",
    "fresh/nest/deep/.vscode/tasks.json",
    "around-venv/env/pyvenv.cfg",
    "made/conda-meta/history",
)


def setup(lab: Lab) -> None:
    for name in sum(TOP.values(), ()):
        assert not os.path.lexists(lab.project / name)


ATTACK = """
import os

TOP = {"run": (".mise.toml", ".jj", ".exrc", "usercustomize.py"), "install": (".dir-locals.el", ".direnv", ".gitlab-ci.yml"), "launcher": (".zed", ".hg")}
BELOW = ("fresh/.git/config", "fresh/nest/.envrc", "fresh/nest/deep/.vscode/tasks.json", "around-venv/env/pyvenv.cfg", "made/conda-meta/history")

def attack():
    for name in (*TOP[WAY], *[WAY + "-" + name for name in BELOW]):
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w") as file:
            file.write("planted")
    return WAY

def twin():
    os.makedirs("ordinary/src", exist_ok=True)
    with open("ordinary/src/module.py", "w") as file:
        file.write("x = 1")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.ok, got.attack
    kind = got.attack.value
    lines = [line for line in got.stderr.splitlines() if "the session made" in line]
    assert len(lines) == 1, got.stderr
    text = lab.notes()
    for name in (*TOP[kind], *[f"{kind}-{name}" for name in BELOW]):
        shown = name.partition("/config")[0].partition("/tasks.json")[0].partition("/history")[0]
        assert str(lab.project / shown) in text, (shown, text)
    assert "ordinary" not in text
