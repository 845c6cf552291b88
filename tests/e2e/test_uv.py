"""uv and its like, the real ones: inside as an install session, and outside on a wrapped venv."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Base, Result, Tool, User, Venv, make_project, run_as, system_python
from tests.support.tool import FEATURES, make_environment
from tests.support.venvs import copy_interpreter

pytestmark = [pytest.mark.e2e, pytest.mark.registry]

CERTIFICATES = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", "UV_NO_PROGRESS": "1"}
"""The machine's own authorities, as pip has them by /etc/pip.conf"""

PROJECT = """\
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.8"
dependencies = ["six"]
"""


@pytest.fixture(scope="session")
def tools(base: Base) -> Path:
    """A directory for PATH with uv in it, as a system administrator would install it."""

    def make() -> str:
        folder = base.path / "uv"
        subprocess.run(
            [sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--target", folder, "uv"], check=True
        )
        return str(folder / "bin")

    return Path(base.once("uv", make))


@pytest.fixture(scope="session")
def tool_venvs(base: Base) -> Path:
    """A directory for PATH with an installer in it: a link into a venv of its own, as pipx makes it."""

    def make() -> str:
        venv = make_environment(base.path / "pipx" / "venvs" / "pip", "pip")
        folder = base.path / "pipx" / "bin"
        folder.mkdir()
        (folder / "pip").symlink_to(venv / "bin" / "pip")
        return str(folder)

    return Path(base.once("pipx-pip", make))


@pytest.fixture
def uv_venv(tool: Tool, ordinary_user: User, backend: str, tools: Path) -> Venv:
    """A wrapped venv of an ordinary user, without pip."""
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend)
    venv.wrap().check()
    return venv


def environment(tools: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin", **CERTIFICATES, **more}


def uv_inside(venv: Venv, tools: Path, *words: str) -> Result:
    return venv.sandbox("run", "--", "uv", *words, env=environment(tools), timeout=120)


def uv_outside(venv: Venv, tools: Path, *words: str) -> Result:
    return run_as(venv.user, [tools / "uv", *words], cwd=venv.project, env=environment(tools), timeout=120)


def test_uv_of_the_host_installs_inside(uv_venv: Venv, tools: Path) -> None:
    done = uv_inside(uv_venv, tools, "pip", "install", "humanize", "--verbose").check()
    assert "+ humanize" in done.stderr
    assert uv_venv.python("import humanize; print(humanize.__file__)").check().stdout.startswith(str(uv_venv.path))
    assert not (uv_venv.user.home / ".cache").exists()
    assert not (uv_venv.home / ".cache" / "uv").exists()


def test_uv_locks_syncs_and_runs_a_project(uv_venv: Venv, tools: Path) -> None:
    uv_venv.user.write(uv_venv.project / "pyproject.toml", PROJECT)
    uv_inside(uv_venv, tools, "sync").check()
    assert "six" in (uv_venv.project / "uv.lock").read_text()
    uv_inside(uv_venv, tools, "add", "pygments").check()
    assert "pygments" in (uv_venv.project / "pyproject.toml").read_text()
    code = "import os, sys, pygments; print(sys.prefix, os.path.exists('/home'), os.environ.get('UV_CACHE_DIR'))"
    done = uv_inside(uv_venv, tools, "run", "python", "-c", code).check()
    assert done.stdout.split()[0] == str(uv_venv.path)
    assert uv_venv.run("pygmentize", "-V").check().stdout.startswith("Pygments")  # it got a launcher


@pytest.mark.slow
def test_uv_builds_an_sdist_inside(uv_venv: Venv, tools: Path) -> None:
    user = uv_venv.user
    package = uv_venv.project / "package"
    secret = user.write(user.home / ".ssh" / "id", "secret")
    code = f"import os, setuptools\nassert not os.path.exists({str(secret)!r}), 'the build sees the host'\n"
    user.write(package / "setup.py", code + "setuptools.setup(name='built', version='1', py_modules=['built'])\n")
    user.write(package / "built.py", "VALUE = 42\n")
    uv_inside(uv_venv, tools, "pip", "install", "./package").check()
    assert uv_venv.python("import built; print(built.VALUE)").check().stdout == "42\n"


def test_a_shim_makes_plain_uv_start_inside(uv_venv: Venv, tools: Path) -> None:
    before = sorted(os.listdir(uv_venv.bin))
    uv_venv.wrap("--shim", "uv", env=environment(tools)).check()
    active = {"PATH": f"{uv_venv.bin}:{tools}:/usr/bin:/bin", "VIRTUAL_ENV": str(uv_venv.path), **CERTIFICATES}
    words = ["/bin/sh", "-c", "uv pip install six && uv pip list"]
    done = run_as(uv_venv.user, words, cwd=uv_venv.project, env=active, timeout=120).check()
    assert "six" in done.stdout
    assert not (uv_venv.user.home / ".cache").exists()
    uv_venv.wrap().check()  # keeps it
    assert (uv_venv.bin / "uv").exists()
    uv_venv.wrap("--setenv", "A", "b").check()  # new options without it
    assert sorted(os.listdir(uv_venv.bin)) == before


def test_unwrap_leaves_no_shim(tool: Tool, ordinary_user: User, backend: str, tools: Path) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend)
    before = sorted(os.listdir(venv.bin))
    venv.wrap("--shim", "uv", env=environment(tools)).check()
    venv.sandbox("unwrap").check()
    assert sorted(os.listdir(venv.bin)) == before


def test_a_program_that_a_session_could_have_written_is_no_tool(uv_venv: Venv, tools: Path) -> None:
    fake = uv_venv.user.write(uv_venv.project / "bin" / "uv", "#!/bin/sh\necho fake\n", 0o755)
    env = environment(tools, PATH=f"{fake.parent}:{tools}:/usr/bin:/bin")
    assert uv_venv.sandbox("run", "--", "uv", "--version", env=env).check().stdout.startswith("uv ")
    assert "sessions can write" in uv_venv.sandbox("run", "--tool", fake, "--", "true", cwd=Path("/")).stderr + (
        uv_venv.wrap("--tool", fake, cwd=Path("/")).check(125).stderr
    )


@pytest.mark.slow
def test_a_tool_in_a_venv_of_its_own_works_too(uv_venv: Venv, tool_venvs: Path) -> None:
    words = ["run", "--", "pip", "--python", str(uv_venv.bin / "python"), "install", "six"]
    done = uv_venv.sandbox(*words, env=environment(tool_venvs), timeout=180).check()
    assert "Successfully installed six" in done.stdout
    uv_venv.python("import six").check()


@pytest.mark.slow
def test_an_interpreter_that_uv_manages_is_seen_through_its_alias(
    tool: Tool, ordinary_user: User, backend: str, tools: Path
) -> None:
    """The layout of ``uv python install``: a real directory and a link without the patch version."""
    tool.require(ordinary_user, *FEATURES[backend])
    user = ordinary_user
    root = user.makedirs(user.home / ".local" / "share" / "uv" / "python")
    version = copy_interpreter(root / "cpython-3.x.1-linux-x86_64-gnu")
    real = user.own_tree(root / "cpython-3.x.1-linux-x86_64-gnu")
    alias = root / f"cpython-{version}-linux-x86_64-gnu"
    alias.symlink_to(real.name)
    project = user.makedirs(user.home / "managed")
    words = [str(tools / "uv"), "venv", "--python", str(alias / "bin" / f"python{version}"), str(project / ".venv")]
    run_as(user, words, env=environment(tools)).check()
    venv = Venv(tool, user, backend, project, project / ".venv")
    venv.wrap().check()
    done = venv.python("import ssl, sys, sysconfig; print(sys.base_prefix, sys.version_info[:2])").check()
    assert str(root) in done.stdout
    uv_inside(venv, tools, "pip", "install", "six").check()
    venv.python("import six").check()


def make_anew(venv: Venv, tools: Path) -> None:
    uv_outside(venv, tools, "venv", "--clear", "--python", system_python(), str(venv.path)).check()


def test_uv_outside_can_question_a_wrapped_interpreter(uv_venv: Venv, tools: Path) -> None:
    done = uv_outside(uv_venv, tools, "pip", "install", "--python", str(uv_venv.bin / "python"), "pygments").check()
    assert "+ pygments" in done.stderr
    plain = (uv_venv.bin / "pygmentize").read_bytes()
    said = uv_venv.python("import pygments").check().stderr
    assert said == "sandbox-venv: wrapped what was installed from outside: pygmentize\n"
    assert (uv_venv.bin / "pygmentize").read_bytes() != plain
    shown = uv_venv.run("pygmentize", "-V").check()
    assert shown.stdout.startswith("Pygments")
    assert shown.stderr == ""
    uv_outside(uv_venv, tools, "pip", "uninstall", "--python", str(uv_venv.bin / "python"), "pygments").check()
    assert uv_venv.python("pass").check().stderr == ""
    assert not os.path.lexists(uv_venv.bin / "pygmentize")
    assert uv_venv.sandbox("unwrap").check().stdout.count("\n") == 1, "nothing to tell but that it was done"


def test_doctor_says_that_uv_builds_outside(tool: Tool, ordinary_user: User, tools: Path) -> None:
    row = json.loads(tool.run(ordinary_user, "doctor", "--json", env=environment(tools)).stdout)["rows"]["uv"]
    assert (row["ok"], row["detail"]) == (False, f"{tools}/uv builds sdists outside, where you start it")
    assert "sandbox-venv run -- uv" in row["remedy"]
    row = json.loads(tool.run(ordinary_user, "doctor", "--json", env={"PATH": "/usr/bin:/bin"}).stdout)["rows"]["uv"]
    assert row["ok"]


def test_only_uvs_own_question_shows_a_directory(uv_venv: Venv) -> None:
    user = uv_venv.user
    start = 'import sys; sys.path = [__import__("os").fsdecode(b"{}")] + sys.path; from python.x import main; main()'
    code = "import os\ndef main():\n    print(sorted(os.listdir(os.path.dirname(os.path.dirname(__file__)))))\n"
    for name in (".cache/uv/.tmpAbCdEf", "notes", ".tmplink", ".ssh/.tmpnothing"):
        user.write(user.home / name / ("python" if "nothing" not in name else "key") / "x.py", code)
    real = user.home / ".cache" / "uv" / ".tmpAbCdEf"
    done = uv_venv.run("python", "-I", "-B", "-c", start.format(real)).check()
    assert done.stdout == "['python']\n"
    shutil.rmtree(user.home / ".tmplink")
    (user.home / ".tmplink").symlink_to(real)
    for name in ("notes", ".tmplink", ".ssh/.tmpnothing", ".cache/uv/../uv/.tmpAbCdEf"):
        denied = uv_venv.run("python", "-I", "-B", "-c", start.format(user.home / name))
        assert "No module named 'python'" in denied.stderr, name
    probe = start.format(real)
    assert "No module named" in uv_venv.run("python", "-I", "-c", probe).stderr
    inner = f"open({str(real / 'python' / 'x.py')!r}, 'a')"
    user.write(real / "python" / "x.py", f"def main():\n    {inner}\n")
    assert "Read-only file system" in uv_venv.run("python", "-I", "-B", "-c", probe).stderr


def test_a_venv_made_anew_is_noticed_and_wrapped_by_one_command(uv_venv: Venv, tools: Path) -> None:
    make_anew(uv_venv, tools)
    done = uv_venv.sandbox("run", "--", "python", "-c", "pass").check(125)
    assert "made anew since it was wrapped" in done.stderr
    assert "sandbox-venv wrap" in done.stderr
    uv_venv.sandbox("wrap", uv_venv.path).check()
    seen = uv_venv.python("import os; print(os.path.exists('/home/') and os.listdir(os.environ['HOME']))").check()
    assert ".ssh" not in seen.stdout
    assert uv_venv.sandbox("run", "--", "python", "-c", "print(1)").check().stdout == "1\n"


@pytest.mark.slow
def test_uv_works_on_a_project_from_outside_and_makes_its_venv_anew(uv_venv: Venv, tools: Path, base: Base) -> None:
    """``uv sync``, ``add`` and ``run`` outside; with another interpreter ``sync`` removes the venv, launchers and all."""
    user = uv_venv.user
    user.write(uv_venv.project / "pyproject.toml", PROJECT.replace("six", "pygments"))
    uv_outside(uv_venv, tools, "sync").check()
    said = uv_venv.run("pygmentize", "-V").check()  # uv's launcher yet: what it starts is sandboxed, and notices
    assert said.stderr == "sandbox-venv: wrapped what was installed from outside: pygmentize\n"
    uv_outside(uv_venv, tools, "add", "six").check()
    code = f"import six, os; print(sorted(os.listdir({str(user.home)!r})))"
    inside = uv_outside(uv_venv, tools, "run", "python", "-c", code).check().stdout
    assert inside == f"{sorted(['.cache', uv_venv.project.name])}\n"
    other = Path(base.once("other-python", lambda: str(copy_python(base.path / "other"))))
    assert "Removed virtual environment" in uv_outside(uv_venv, tools, "sync", "--python", str(other)).check().stderr
    assert "made anew since it was wrapped" in uv_venv.sandbox("run", "--", "python", "-c", "pass").check(125).stderr
    assert uv_venv.sandbox("verify").status == 1
    uv_venv.sandbox("wrap").check()
    done = uv_venv.python(code + "; import sys; print(sys.base_prefix)").check()
    assert done.stdout == f"{inside}{other.parent.parent}\n"
    uv_venv.run("pygmentize", "-V").check()


def copy_python(prefix: Path) -> Path:
    return prefix / "bin" / f"python{copy_interpreter(prefix)}"


@pytest.mark.slow
def test_a_venv_that_pipx_made_is_wrapped_and_started_through_its_link(uv_venv: Venv, tools: Path) -> None:
    """The layout of ``pipx install pygments`` and ``uv tool install``: a link in ~/.local/bin."""
    user = uv_venv.user
    place = user.makedirs(user.home / ".local" / "share" / "pipx" / "venvs" / "pygments")
    run_as(user, [str(tools / "uv"), "venv", "--python", system_python(), str(place)], env=environment(tools)).check()
    venv = Venv(uv_venv.tool, user, uv_venv.backend, place.parent, place)
    uv_outside(venv, tools, "pip", "install", "--python", str(place / "bin" / "python"), "pygments").check()
    link = user.makedirs(user.home / ".local" / "bin") / "pygmentize"
    link.symlink_to(place / "bin" / "pygmentize")
    venv.wrap("--project", user.makedirs(user.home / "work")).check()
    source = user.write(user.home / "work" / "a.py", "import os\n")
    done = run_as(user, [str(link), str(source)], cwd=source.parent).check()
    assert "import" in done.stdout
    assert "No such file" in venv.python(f"open({str(user.home / '.local/share/x')!r})").stderr
