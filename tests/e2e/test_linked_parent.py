"""A venv that was made by a path with a link in it: its scripts name that path, and run inside."""

from __future__ import annotations

import pytest

from tests.harness import FEATURES, Tool, User, Venv, run_as, system_python

pytestmark = pytest.mark.e2e


@pytest.mark.slow
@pytest.mark.parametrize("link", ["link", "src/current"])
def test_scripts_find_the_interpreter_by_the_path_that_the_venv_was_made_by(
    tool: Tool, ordinary_user: User, backend: str, link: str
) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    user = ordinary_user
    project = user.makedirs(user.home / "real" / "proj")
    named = user.home / link / "proj"
    user.makedirs(named.parent.parent)
    named.parent.symlink_to(project.parent)
    user.own(named.parent)
    run_as(user, [system_python(), "-m", "venv", "--without-pip", named / ".venv"]).check()
    script = f"#!{named}/.venv/bin/python\nimport os, sys\nprint(sys.prefix, os.listdir({str(named)!r}))\n"
    user.write(project / ".venv" / "bin" / "tool", script, 0o755)
    venv = Venv(tool, user, backend, project, project / ".venv")
    venv.wrap().check()
    for path in (venv.bin, named / ".venv" / "bin"):
        assert run_as(user, [path / "tool"], cwd=project).check().stdout == f"{named}/.venv ['.venv']\n"
    user.write(project / "app.py", "print('app')\n")
    assert venv.run("python", named / "app.py").check().stdout == "app\n"
    denied = venv.python(f"import os; os.symlink('/etc', {str(named.parent / 'etc')!r})").check(1)
    assert "Read-only file system" in denied.stderr
    named.parent.unlink()  # what is no way to the venv any more is shown no longer
    venv.sandbox("wrap", venv.path).check()
    assert "No such file" in venv.python(f"open({str(named / 'app.py')!r})").check(1).stderr
