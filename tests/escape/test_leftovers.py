"""What a session leaves, where the host looks, walks, writes or removes next: after it, at unwrap, on a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness import FEATURES, Tool, User, Venv, make_project, run_as
from tests.support.venvs import copy_interpreter

INSTALL = ("--session", "install", "--", "python", "-c")


def in_install(venv: Venv, code: str) -> None:
    venv.sandbox("run", "--venv", venv.path, *INSTALL, code).check()


def notes_of(venv: Venv) -> str:
    return "".join(path.read_text() for path in (venv.user.home / ".local/state/sandbox-venv/venvs").glob("*/notes"))


PACKAGES_ELSEWHERE = """
import os, sys
site = next(path for path in sys.path if path.endswith("site-packages"))
os.rename(site, site + "-x")
os.symlink(%r, site)
python = os.environ["VIRTUAL_ENV"] + "/bin/python"
os.unlink(python)
with open(python, "w") as file:
    file.write("#!/bin/sh\\ncat > '" + os.environ["PWD"] + "/TOLD'\\n")
os.chmod(python, 0o755)
"""


def test_a_link_in_the_packages_place_leads_the_host_nowhere(venv: Venv) -> None:
    """The host lists what is to be compiled, and tells a session: of another directory these are secrets."""
    secret = venv.user.write(venv.user.home / "private/code/secret_name.py", "x = 1\n")
    in_install(venv, PACKAGES_ELSEWHERE % str(secret.parent.parent))
    told = venv.project / "TOLD"
    assert not told.exists() or "secret_name" not in told.read_text()


FULL = """
import fcntl, os
fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_NONBLOCK)
os.makedirs("evil/.git")
for size in (4096, 1):
    try:
        while True:
            os.write(2, b"x" * size)
    except BlockingIOError:
        pass
os._exit(7)
"""


def test_what_appears_is_noted_whatever_a_session_made_of_stderr(venv: Venv) -> None:
    reader, writer = os.pipe()
    done = venv.spawn("python", "-c", FULL, stderr=writer)
    os.close(writer)
    try:
        assert done.wait(60).status == 7  # nobody reads, and the session's own end counts
    finally:
        os.close(reader)
    assert "evil/.git" in notes_of(venv)


MANY = """
import os
names = (".git", ".hg", ".svn", ".envrc", ".vscode", ".idea", ".mcp.json", ".claude", ".cursor", ".devcontainer", ".husky")
os.makedirs("/".join(["a" * 250] * 3))
os.chdir("/".join(["a" * 250] * 3))
for number in range(120):
    for name in names:
        os.makedirs("%03d" % number + "b" * 240 + "/" + name)
"""


def test_a_flood_of_names_hides_none_that_was_noted(venv: Venv) -> None:
    venv.python("import os; os.makedirs('first/.git')").check()
    venv.python(MANY).check()
    venv.python("import os; os.makedirs('last/.git')").check()
    shown = venv.sandbox("status", venv.path).check().stdout
    assert "last/.git" in shown and len(shown) < 20_000
    assert "first/.git" in notes_of(venv)


ESCAPE = "\x1b]0;title\x07\x1b[2J\u009b31m\u202e"
TEXTS = {
    ".env": f'BWRAP_ARGS="--bind {ESCAPE} /x"\nSANDBOX_{ESCAPE}=1\n',
    "pyproject.toml": '[tool.sandbox-venv]\nread-write = ["\\u001b[2J\\u009b31m"]\nprotect = ["\\u001b]0;t"]\n',
}


def test_settings_that_a_session_wrote_send_nothing_to_the_terminal(venv: Venv) -> None:
    for name, text in TEXTS.items():
        venv.user.write(venv.project / name, text)
    shown = ""
    for words in (("status",), ("explain", "--venv"), ("trust",), ("status",), ("run", "--venv")):
        done = venv.sandbox(*words, venv.path, *(["--", "python", "-c", "1"] if words[0] == "run" else []))
        shown += done.stdout + done.stderr
    done = venv.python("pass")
    shown += done.stdout + done.stderr
    assert not [char for char in "\x1b\x07\u009b\u202e" if char in shown]
    assert "x1b]0;title" in shown  # it was there to be shown


SPOILED_HOME = """
import os
home = os.path.expanduser("~")
os.makedirs(home + "/kept/below")
open(home + "/kept/below/file", "w").close()
os.chmod(home + "/kept", 0)
"""
SPOILED_VENV = """
import os
home, folder = os.path.expanduser("~"), os.environ["VIRTUAL_ENV"] + "/bin"
os.makedirs(home + "/closed/below")
os.chmod(home + "/closed", 0)
for name in ("hole", "python3.99"):
    with open(folder + "/" + name, "w") as file:
        file.truncate(1 << 42)
    os.chmod(folder + "/" + name, 0o755)
os.makedirs(folder + "/shut/below")
os.chmod(folder + "/shut", 0)
os.chdir(home)
for _ in range(1500):
    os.mkdir("deep")
    os.chdir("deep")
os.chmod(folder, 0)
"""


def test_unwrap_completes_whatever_sessions_left(tool: Tool, ordinary_user: User) -> None:
    tool.require(ordinary_user, *FEATURES["native"])
    venv = make_project(tool, ordinary_user, "native")
    before = {path.name: os.readlink(path) for path in venv.bin.iterdir() if path.is_symlink()}
    venv.wrap().check()
    venv.python(SPOILED_HOME).check()
    in_install(venv, SPOILED_VENV)
    venv.python("pass").check()  # the twin: it starts, too
    done = venv.sandbox("unwrap", venv.path, timeout=60).check()
    assert "venv/home" in done.stderr + done.stdout  # kept: there is a file in it
    assert not (venv.path / "sandbox").exists() and (venv.path / "home").exists()
    assert {name: os.readlink(venv.bin / name) for name in before} == before
    run_as(ordinary_user, ["chmod", "-R", "u+rwx", venv.path]).check()


SWAP = """
import os
done = []
for change in (lambda: os.rename("tools", "moved"), lambda: os.rename("tools/python", "tools/moved"),
               lambda: open("tools/python/bin/python3", "w"), lambda: os.unlink("tools/python/bin/python3")):
    try:
        change()
        done.append("changed")
    except OSError:
        pass
open("tools/own", "w").close()
print(done)
"""


@pytest.mark.slow
def test_a_base_interpreter_in_the_project_stays_in_its_place(tool: Tool, user: User, backend: str) -> None:
    tool.require(user, *FEATURES[backend])
    project = user.makedirs(user.home / "with-its-own-python")
    copy_interpreter(Path(project / "tools/python"))
    user.own_tree(project)
    venv = make_project(tool, user, backend, name=project.name, python=project / "tools/python/bin/python3")
    venv.wrap().check()
    assert venv.python(SWAP).check().stdout == "[]\n"


MANY_SETTINGS = """
import os
os.makedirs("decoy/.git")
for number in range(1100):
    open(f"decoy/{number}", "w").close()
with open("decoy/.git/config", "w") as file:
    file.write("[include]\\n" + "".join(f"path = ../{number}\\n" for number in range(1100)))
"""


def test_where_a_session_makes_the_next_start_fail_one_command_mends_it(tool: Tool, ordinary_user: User) -> None:
    tool.require(ordinary_user, *FEATURES["native"])
    shown = ordinary_user.makedirs(ordinary_user.home / "shown")
    venv = make_project(tool, ordinary_user, "native")
    venv.wrap("--ro-bind", shown, ordinary_user.home / ".cache/shown").check()
    venv.python("pass").check()
    point = venv.path / "cache/shown"
    run_as(ordinary_user, ["sh", "-c", 'rmdir "$0" && ln -s / "$0"', point]).check()
    assert_mended(venv, "native: bind /proc/self/fd/", "rm ")
    venv.python(MANY_SETTINGS).check()
    (venv.path / "pyvenv.cfg").touch()  # compiled anew, for whatever reason
    assert_mended(venv, "protect what git's settings name in ", "rm -r ")


def assert_mended(venv: Venv, line: str, command: str) -> None:
    """Check that a start fails with that line, and no longer when what its hint says was done."""
    done = venv.python("print('ran')")
    assert (done.status, done.stdout) == (125, "")
    assert f"sandbox-venv: {line}" in done.stderr
    run_as(venv.user, ["sh", "-c", command + done.stderr.rpartition(command)[2]], cwd=Path("/")).check()
    assert venv.python("print('ran')").check().stdout == "ran\n"
