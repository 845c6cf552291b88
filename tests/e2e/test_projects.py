"""One venv in a central store, two projects."""

from __future__ import annotations

import os

import pytest

from tests.harness import FEATURES, Tool, User, make_project
from tests.support.process import Argument

pytestmark = pytest.mark.e2e

LOOK = "import os, sys; open('made', 'w').close(); print(open('own').read(), os.path.exists(sys.argv[1]), sys.prefix)"


def test_two_projects_share_a_venv(tool: Tool, ordinary_user: User, backend: str) -> None:
    """Plain, by ``run --project``, both at any time; wrapped, its entry points serve the project of the last wrap."""
    tool.require(ordinary_user, *FEATURES[backend])
    user = ordinary_user
    venv = make_project(tool, user, backend, name="store", venv="one")
    one, two = projects = [user.write(user.home / name / "own", name).parent for name in ("one", "two")]
    for project, other in ((one, two), (two, one)):
        words: list[Argument] = [
            "run",
            "--backend",
            backend,
            "--venv",
            venv.path,
            "--project",
            project,
            "--",
            "python",
            "-c",
            LOOK,
        ]
        done = venv.sandbox(*words, other / "own", cwd=project).check()
        assert done.stdout == f"{project.name} False {venv.path}\n"
        (project / "made").unlink()
    for project, other in ((one, two), (two, one)):
        venv.wrap("--project", project).check()
        done = venv.run("python", "-c", LOOK, other / "own", cwd=project).check()
        assert done.stdout == f"{project.name} False {venv.path}\n"
    refused = venv.sandbox("run", "--venv", venv.path, "--project", one, "--", "python", "-V", cwd=one).check(125)
    assert "sandbox-venv wrap --project DIR" in refused.stderr
    assert [sorted(os.listdir(project)) for project in projects] == [["made", "own"]] * 2
