"""Plans, one option a line: golden files; and what a plan must never allow."""

import os
import re
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.plan.basics import Request, refuse_project
from sandbox_venv.plan.compile import compile_plan
from sandbox_venv.plan.options import sort_options, split_words
from sandbox_venv.plan.subject import Base, Subject
from sandbox_venv.policy import Policy, Show
from sandbox_venv.seccomp import Program
from tests.unit.plan.golden_options import GOLDEN_OPTIONS

GOLDEN = Path(__file__).parent / "golden"
POLICY = Policy(
    show=(Show("a host file", (), ("/etc/hosts",), (), "any"), Show("index settings", (), (), (), "install")),
    set_env=("USER=user",),
    pass_env_install=("PIP_*",),
    installers=("pip", "-m pip"),
    protect=(".git", ".envrc"),
    protect_nested=(".git",),
    tmp_share=50,
)


@pytest.fixture
def world(tmp_path):
    for name in ("home/code/proj/.venv/bin", "home/code/proj/sub/.git", "home/code/proj/other/.venv", "state/venvs/x"):
        (tmp_path / name).mkdir(parents=True)
    venv = tmp_path / "home/code/proj/.venv"
    for name in ("sandbox/bin", "home", "cache", "lib/python3.11/site-packages"):
        (venv / name).mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("py/bin", "py/lib/python3.11/lib-dynload"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "py/bin/python3.11").write_text("not ELF")
    return tmp_path


def subject_in(world, **changes):
    venv = str(world / "home/code/proj/.venv")
    values = {
        "folder": world / "state/venvs/x",
        "venv": venv,
        "bin": f"{venv}/bin",
        "originals": f"{venv}/sandbox/bin",
        "project": str(world / "home/code/proj"),
        "home": str(world / "home"),
        "private_home": f"{venv}/home",
        "private_cache": f"{venv}/cache",
        "base": Base(
            str(world / "py/bin/python3.11"), str(world / "py"), (3, 11), str(world / "py/lib/python3.11"),
            str(world / "py/lib/python3.11/lib-dynload"),
        ),
        "site": (f"{venv}/lib/python3.11/site-packages",),
        "wrapped": True,
        "other_venvs": (str(world / "home/code/proj/other/.venv"),),
        "trusted": (str(world / "state"),),
    }  # fmt: skip
    return Subject(**{**values, **changes})


def compiled(world, kind="run", options="", **changes):
    request = Request(
        kind=kind, variant=b"", user=sort_options(split_words(options), where="test"), dotenv={"A": "1"}, cwd="/",
        backend="native", bwrap="",
    )  # fmt: skip
    return compile_plan(subject_in(world, **changes), request, POLICY, Program(b"x" * 8, b"y" * 8, 1, ()), None)


def as_text(world, result):
    lines = []
    for title, part in (("base", result.base), ("slots", result.slots), ("tail", result.tail)):
        lines.append(f"[{title}]")
        lines += [" ".join(word for word in words if word) for words, _ in part]
    text = "\n".join(lines) + "\n"
    text = text.replace(str(world), "{T}")
    # what depends on the machine: which libraries the loader's data names, what /proc has, how large memory is
    text = re.sub(r"^(--symlink \S+ /(lib|usr|etc)|--ro-bind(-try)? /(usr|etc/(?!hosts))).*\n", "", text, flags=re.M)
    text = re.sub(r"^--symlink \S+ /(bin|sbin|lib64|lib)\n", "", text, flags=re.M)
    text = re.sub(r"^--ro-bind(-try)? (/proc/\S+|/dev/null|\S+/nothing) .*\n", "", text, flags=re.M)
    return re.sub(r"--size \d+", "--size N", text)


@pytest.mark.parametrize(("name", "kind", "options"), GOLDEN_OPTIONS)
def test_the_plan_is_as_reviewed(world, name, kind, options):
    text = as_text(world, compiled(world, kind, options.replace("{T}", str(world))))
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def slot(result, target):
    return [words for words, _ in result.slots if target in (words[1], words[2])]


def test_a_run_session_cannot_write_the_venv(world):
    result = compiled(world)
    venv = subject_in(world).venv
    assert slot(result, venv)[-1][0] == "ro"
    assert not [words for words, _ in result.slots if words[0].startswith("rw") and words[2].startswith(venv)]


def test_an_install_session_writes_the_venv_but_not_what_the_host_obeys(world):
    result = compiled(world, "install")
    venv = subject_in(world).venv
    writable = {words[2] for words, _ in result.slots if words[0] == "rw"}
    assert {venv, f"{venv}/bin"} <= writable
    assert slot(result, f"{venv}/bin")[-1] == ("rw", f"{venv}/sandbox/bin", f"{venv}/bin")
    for name in ("pyvenv.cfg", "home", "cache"):
        assert slot(result, f"{venv}/{name}")[-1][0].startswith("ro")
    assert ("--remount-ro", f"{venv}/sandbox", "") in [words for words, _ in result.slots]


def test_the_directories_above_something_protected_are_pinned(world):
    project = subject_in(world).project
    words = [words for words, _ in compiled(world).slots]
    for name in ("sub", "other"):
        assert ("rw-try", f"{project}/{name}", f"{project}/{name}") in words
    assert words.index(("rw-try", f"{project}/sub", f"{project}/sub")) < words.index(
        ("ro-try", f"{project}/sub/.git", f"{project}/sub/.git")
    )
    assert ("ro-try", f"{project}/other/.venv", f"{project}/other/.venv") in words


@pytest.mark.parametrize("options", ["--bind / /", "--bind {T} {T}", "--dev-bind {T}/state /x", "--bind {T}/state /x"])
def test_a_plan_in_which_trusted_state_is_writable_is_refused(world, options):
    with pytest.raises(SandboxError, match="which sandbox-venv trusts"):
        compiled(world, options=options.replace("{T}", str(world)))


def test_the_same_read_only_is_taken(world):
    assert compiled(world, options=f"--ro-bind {world}/state /x")


def test_a_missing_bind_source_is_said_unless_it_is_a_try(world):
    with pytest.raises(SandboxError, match="no such file"):
        compiled(world, options="--ro-bind /nowhere /x")
    assert compiled(world, options="--ro-bind-try /nowhere /x")


def test_a_bind_source_in_the_project_is_opened_at_each_start_as_it_is_written(world):
    project = subject_in(world).project
    result = compiled(world, options=f"--ro-bind {project}/sub /x")
    assert slot(result, "/x") == [("ro", f"{project}/sub", "/x")]


def test_a_bind_source_that_leads_into_the_project_is_refused(world):
    (world / "link").symlink_to(world / "home/code/proj/sub")
    with pytest.raises(SandboxError, match="a session can replace"):
        compiled(world, options=f"--ro-bind {world}/link /x")


@pytest.mark.parametrize("project", ["", "home"])
def test_a_project_that_holds_the_home_is_refused(world, project):
    with pytest.raises(SandboxError, match="holds your home") as caught:
        refuse_project(subject_in(world, project=str(world / project)))
    assert "--project" in (caught.value.hint or "")


def test_links_of_a_changed_interpreter_show_nothing(world):
    secret = world / "secret"
    secret.write_text("x")
    link = world / "python-link"
    link.symlink_to(secret)
    base = subject_in(world).base
    hostile = Base(base.executable, base.prefix, base.version, base.stdlib, base.dynload, (str(link),))
    result = compiled(world, base=hostile)
    assert not any(str(secret) in words for words, _ in [*result.base, *result.slots])
