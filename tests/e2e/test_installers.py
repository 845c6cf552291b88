"""poetry, pdm, pipenv and hatch of the host by ``--shim``; pre-commit; a venv that another user wrapped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.harness import FEATURES, IS_ROOT, Base, Result, Tool, User, Venv, make_project, run_as, system_python
from tests.support.tool import make_environment
from tests.support.users import new_user

pytestmark = [pytest.mark.e2e, pytest.mark.registry, pytest.mark.full]

PROJECT = """\
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.9"
dependencies = []

[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
SIMPLE = '\n[[tool.poetry.source]]\nname = "simple"\nurl = "https://pypi.org/simple/"\npriority = "primary"\n'
"""An index by its pages alone, which mirrors have, too"""

TOOLS = {"poetry": ["poetry"], "pdm": ["pdm", "hishel<2"], "pipenv": ["pipenv"], "hatch": ["hatch"]}
COMMANDS = {
    "poetry": ["add", "-n", "six"],
    "pdm": ["add", "-q", "six"],
    "pipenv": ["install", "-q", "six"],
    "hatch": ["run", "python", "-c", "import demo, sys; print(sys.prefix)"],
}
LOCK = {"poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}

HOOK = "import os, sys\ndef main():\n    print('hook', sys.prefix, os.path.exists('/home/no'), sys.argv[1:])\n"
SETUP = "from setuptools import setup\nsetup(name='myhook', version='1', py_modules=['myhook'], "
SETUP += "entry_points={'console_scripts': ['myhook=myhook:main']})\n"
HOOKS = "- {id: myhook, name: myhook, entry: myhook, language: python, types: [python]}\n"
CONFIG = "repos:\n- repo: %s\n  rev: %s\n  hooks:\n  - {id: myhook, verbose: true}\n"


def tool_folder(base: Base, name: str) -> Path:
    """A directory for PATH with one installer in it: a link into a venv of its own, as pipx makes it."""

    def make() -> str:
        venv = make_environment(base.path / "pipx" / "venvs" / name, *TOOLS[name])
        folder = base.path / "pipx" / f"bin-{name}"
        folder.mkdir()
        (folder / name).symlink_to(venv / "bin" / name)
        return str(folder)

    return Path(base.once(f"pipx-{name}", make))


@pytest.mark.parametrize("name", TOOLS)
def test_an_installer_of_the_host_runs_inside_by_its_shim(
    tool: Tool, base: Base, ordinary_user: User, backend: str, name: str
) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend, pip=name == "pipenv")
    user, folder = venv.user, tool_folder(base, name)
    if name != "pipenv":
        user.write(venv.project / "pyproject.toml", PROJECT + SIMPLE * (name == "poetry"))
    user.write(venv.project / "demo" / "__init__.py", "")
    user.write(venv.project / "README.md", "")
    path = f"{folder}:/usr/bin:/bin"
    venv.wrap("--shim", name, env={"PATH": path}).check()
    active = {"PATH": f"{venv.bin}:{path}", "VIRTUAL_ENV": str(venv.path), "PIPENV_VERBOSITY": "-1"}
    done = run_as(user, [name, *COMMANDS[name]], cwd=venv.project, env=active, timeout=240).check()
    if name == "hatch":  # it makes an environment of its own, in the private home
        assert done.stdout.splitlines()[-1].startswith(f"{user.home}/.local/share/hatch/env/"), done
        assert (venv.home / ".local" / "share" / "hatch").is_dir()
    else:
        assert "six" in (venv.project / LOCK[name]).read_text()
        assert venv.python("import six; print(six.__file__)").check().stdout.startswith(str(venv.path))
    assert {item.name for item in user.home.iterdir()} <= {".local", venv.project.name}
    assert os.listdir(user.home / ".local") == ["state"]
    assert os.listdir(user.home / ".local" / "state") == ["sandbox-venv"]


def test_pre_commit_makes_its_environments_in_the_private_cache(tool: Tool, ordinary_user: User, backend: str) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend, packages=["pre-commit"])
    user, hooks = venv.user, venv.project / "hooks"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for name, text in (("myhook.py", HOOK), ("setup.py", SETUP), (".pre-commit-hooks.yaml", HOOKS)):
        user.write(hooks / name, text)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        run_as(user, [*git, *words], cwd=hooks).check()
    revision = run_as(user, [*git, "rev-parse", "HEAD"], cwd=hooks).check().stdout.strip()
    user.write(venv.project / ".pre-commit-config.yaml", CONFIG % (hooks, revision))
    user.write(venv.project / "a.py", "")
    for words in (["init", "-q"], ["add", "a.py"]):
        run_as(user, [*git, *words], cwd=venv.project).check()
    venv.wrap().check()
    done = venv.run("pre-commit", "run", "-a", given={"SANDBOX_ENV": "PIP_*"}, timeout=240).check()
    assert f"hook {user.home}/.cache/pre-commit/repo" in done.stdout
    assert "False ['a.py']" in done.stdout
    assert (venv.path / "cache" / "pre-commit" / "db.db").exists()
    assert not (user.home / ".cache").exists()


def test_pipx_upgrades_and_injects_into_a_venv_of_its_own_that_is_wrapped(
    tool: Tool, base: Base, ordinary_user: User, backend: str
) -> None:
    """Its venvs share one pip, by a .pth file: without the preset the sandbox shows none."""
    tool.require(ordinary_user, *FEATURES[backend])
    user, home = ordinary_user, ordinary_user.home
    programs = base.once("pipx-itself", lambda: str(make_environment(base.path / "pipx-itself", "pipx") / "bin"))
    env = {"PATH": f"{programs}:{home}/.local/bin:/usr/bin:/bin"}

    def run(*words: str) -> Result:
        return run_as(user, words, cwd=home / "work", env=env, timeout=180)

    user.write(user.makedirs(home / "work") / "a.py", "import os\n")
    run("pipx", "install", "-q", "--python", system_python(), "pygments").check()
    place = home / ".local/share/pipx/venvs/pygments"
    venv = Venv(tool, user, backend, place.parent, place)
    venv.wrap("--project", home / "work").check()
    assert "import" in run("pygmentize", "a.py").check().stdout
    assert "No module named pip" in run("pipx", "runpip", "pygments", "list").stderr
    venv.wrap("--project", home / "work", "--preset", "pipx").check()
    run("pipx", "inject", "-q", "--include-apps", "pygments", "docutils").check()
    run("pipx", "upgrade", "-q", "pygments").check()
    venv.python("import docutils").check()
    shown = run("docutils", "--version").check()  # a link to a launcher that the install session brought
    assert shown.stdout.startswith("docutils")
    assert "No such file" in venv.python(f"open({str(home / '.local/state/pipx')!r})").stderr
    run("pipx", "reinstall", "-q", "pygments").check()
    assert venv.sandbox("verify", place).status == 1
    venv.sandbox("wrap", place).check()
    assert "import" in run("pygmentize", "a.py").check().stdout
    run("pipx", "uninstall", "pygments").check()
    assert not place.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can make what another user owns")
def test_a_venv_that_root_wrapped_says_how_another_user_has_it(tool: Tool, base: Base, backend: str) -> None:
    """An image: one stage wraps as root, the next copies the project for another user, with or without the state."""
    root, user = new_user(base, "root"), new_user(base, "user")
    tool.require(user, *FEATURES[backend])
    made = make_project(tool, root, backend)
    made.wrap().check()
    project = base.path / f"image-{backend}"
    shutil.copytree(made.project, project, symlinks=True)
    user.own_tree(project)
    copied = Venv(tool, user, backend, project, project / ".venv")
    for start in (copied.python, lambda code: copied.sandbox("run", "--", "python", "-c", code)):
        done = start("print('ran')").check(125)
        assert done.stdout == ""
        assert "wrap" in done.stderr.splitlines()[1], done
    copied.wrap().check()
    assert copied.python("import sys; print(sys.prefix)").check().stdout == f"{copied.path}\n"
