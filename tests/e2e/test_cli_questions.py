"""The commands that answer a person's questions, on real wrapped venvs."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_venv.commands.formats import FORMATS
from tests.harness import BACKENDS, FEATURES, Tool, User, Venv, make_project, run_as, spawn_as

pytestmark = pytest.mark.e2e


@pytest.fixture
def backend() -> str:
    """Most answers don't depend on the backend."""
    return "native"


def ask(venv: Venv, *words: str) -> Any:
    return json.loads(venv.sandbox(*words, "--json").check().stdout)


LOOK = """
import json, os, sys
def look(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_dev, status.st_ino, os.access(path, os.W_OK)]
print(json.dumps([look(path) for path in json.loads(sys.argv[1])]))
"""
"""What a session sees of paths: which file each one is, and whether it can be written."""

GOOD = {"visible, writable": True, "visible, read-only": False}
THEN = {"show it, read-only": False, "make it writable": True, "make it read-only": False, "hide it": None}
"""What an option of ``why`` says: the host's file, writable or not; None: another."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_why_tells_what_a_session_shows_and_its_options_do_what_they_say(
    tool: Tool, ordinary_user: User, backend: str
) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    venv = make_project(tool, ordinary_user, backend)
    venv.wrap().check()
    home, project = venv.user.home, venv.project
    names = ("secret.txt", "with space/f", "it's/f", ".ssh/id")
    files = [*(home / name for name in names), *(project / name for name in ("app.py", "sub/x", ".git/config"))]
    for file in files:
        venv.user.write(file, "x")
    (project / "link").symlink_to(home / "secret.txt")
    (home / "dangling").symlink_to("/nonexistent")
    asked = [*map(str, files), str(home / ".ssh"), str(home / "dangling"), "sub", "link", ".", ".venv", "new.txt"]
    asked += [".venv/sandbox/bin", "/etc", "/etc/hosts", "/usr/bin", "/dev/null", "/proc/self", "/nonexistent/x"]
    answers = {item["asked"]: item for item in ask(venv, "why", *asked)}

    def look(*options: str) -> dict[str, Any]:
        given = {"BWRAP_ARGS": "\n".join((*options, "")).strip()}
        found = json.loads(venv.python(LOOK, json.dumps([*answers]), env=given).check().stdout)
        return dict(zip(answers, found, strict=True))

    def is_seen(path: str, found: Any, writable: bool | None) -> bool:
        status = os.stat(path)
        same = found is not None and tuple(found[:2]) == (status.st_dev, status.st_ino)
        return not same if writable is None else same and found[2] is writable

    for path, found in look().items():
        if os.path.exists(path):
            assert is_seen(path, found, GOOD.get(answers[path]["verdict"])), (path, answers[path], found)
        else:
            assert (found, answers[path]["options"]) == (None, []), path
    for what, writable in THEN.items():
        chosen = {
            path: shlex.split(option)
            for path, item in answers.items()
            for title, option in (choice.values() for choice in item["options"])
            if title == what and path not in (str(project), str(home / ".ssh"), "/etc", "/usr/bin")
        }
        assert chosen, what
        seen = look(*(word for words in chosen.values() for word in words))
        for path in chosen:
            assert is_seen(path, seen[path], writable), (what, path, seen[path])
    assert answers["/etc"]["verdict"] == answers["/usr/bin"]["verdict"] == "visible in part"
    assert answers[f"{project}/link"]["details"][0] == f"a link leads to {home}/secret.txt, which decides"


def test_why_answers_for_libraries_variables_and_calls(shared_venv: Venv) -> None:
    names = ["lib:libc.so.6", "lib:libnone.so.9", "env:HOME", "env:AWS_SECRET", "env:LANG", "syscall:ptrace"]
    answers = ask(shared_venv, "why", *names, "syscall:read", "syscall:clone", "syscall:io_uring_setup")
    found = [item["verdict"] for item in answers]
    assert found[:6] == ["visible", "not visible", "set", "isn't passed", "passed", "EPERM"]
    assert found[6:] == ["allowed", "allowed with some arguments", "ENOSYS"]
    assert (answers[1]["options"], answers[1]["details"]) == ([], ["on this machine no library is found by that name"])
    assert answers[5]["options"][0]["how"] == "--allow devel"


VALUES = """
import ctypes, json, os, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace(0, 0, None, None) == 0
try:
    library = bool(ctypes.CDLL("libpam.so.0"))
except OSError:
    library = False
print(json.dumps([[os.environ.get(name) for name in sys.argv[1:]], ptrace, library]))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_why_offers_for_variables_calls_and_libraries_works(
    shared_venvs: Callable[[str, str], Venv], backend: str
) -> None:
    venv = shared_venvs("user", backend)
    names = ["SOME_TOKEN", "PLAIN", "DISPLAY", "HOME", "LANG"]
    outside = dict.fromkeys(names[:3], "outside")
    asked = [*(f"env:{name}" for name in names), "syscall:ptrace", "lib:libpam.so.0"]
    said = venv.sandbox("why", *asked, "--json", env=outside).check().stdout
    answers = {item["asked"]: {one["what"]: one["how"] for one in item["options"]} for item in json.loads(said)}

    def see(**env: str) -> list[Any]:
        return list(json.loads(venv.python(VALUES, *names, env={**outside, **env}).check().stdout))

    values, *others = see()
    assert (values[:3], others) == ([None] * 3, [False, False])
    passed = [answers[name]["pass it, this call"].partition("=")[2].strip('"') for name in names[:3]]
    assert see(SANDBOX_ENV=" ".join(passed))[0][:3] == ["outside"] * 3
    chosen = [answers[name].get("set it") or answers[name]["another value"] for name in names[:4]]
    chosen += [list(answers[name].values())[-1] for name in ("LANG", "ptrace", "libpam.so.0")]
    assert see(BWRAP_ARGS=" ".join(chosen), LANG="C.UTF-8") == [[*["VALUE"] * 4, None], True, True]


def test_explain_says_of_each_library_who_needs_it(shared_venv: Venv) -> None:
    libraries = {os.path.basename(row["path"]): row["needed_by"] for row in ask(shared_venv, "explain")["libraries"]}
    assert all(libraries.values())
    assert all(name.startswith("/") for name in libraries["libc.so.6"])
    assert libraries["libgcc_s.so.1"][0].startswith(("/", "libc.so.6 (dlopen: "))
    text = shared_venv.sandbox("explain").check().stdout
    assert f"  [library of {libraries['libc.so.6'][0]}]" in text


def test_why_with_an_option_answers_for_a_session_with_it(shared_venv: Venv) -> None:
    (answer,) = ask(shared_venv, "why", "syscall:ptrace", "--allow", "devel")
    assert answer["good"] is True


@pytest.mark.parametrize(
    ("question", "hint"),
    [("syscall:ptracee", "ptrace"), ("evn:HOME", "env:HOME")],
)
def test_why_knows_the_nearest_name(shared_venv: Venv, question: str, hint: str) -> None:
    done = shared_venv.sandbox("why", question)
    assert done.status == 125
    assert f"did you mean {hint}?" in done.stderr


def test_status_tells_a_plain_venv_from_a_wrapped_one(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(wrap=False)
    plain = venv.sandbox("status")
    assert (plain.status, "not wrapped" in plain.stdout) == (1, True)
    assert json.loads(venv.sandbox("status", "--json").check(1).stdout) == {"venv": str(venv.path), "wrapped": False}
    venv.wrap("--setenv", "MODE", "x").check()
    before = ask(venv, "status")
    assert (before["wrapped"], before["plans"], before["drift"]) == (True, [], [])
    venv.python("pass").check()
    data = ask(venv, "status")
    (plan,) = data["plans"]
    assert (plan["kind"], plan["backend"], plan["fresh"]) == ("run", venv.backend, True)
    assert data["options"] == [{"option": "--setenv MODE x", "from": "wrap"}]
    venv.user.write(venv.project / ".env", "A=1\n")
    stale = ask(venv, "status")["plans"][0]
    assert (stale["fresh"], stale["changed"]) == (False, f"{venv.project}/.env changed")
    assert "wrapped" in venv.sandbox("status").check().stdout


def test_verify_finds_and_repair_mends(venv: Venv) -> None:
    venv.sandbox("verify").check()
    python = venv.bin / "python"
    python.unlink()
    venv.user.write(venv.bin / "sneaky", "#!/bin/sh\nid\n").chmod(0o755)
    done = venv.sandbox("verify", "--json")
    assert done.status == 1
    drift = {os.path.basename(item["what"]): item["unsafe"] for item in json.loads(done.stdout)["drift"]}
    assert drift == {"python": False, "sneaky": True}
    assert "mended" in venv.sandbox("repair").check().stdout
    venv.sandbox("verify").check()
    assert venv.python("print(1)").check().stdout == "1\n"


def test_list_shows_wrapped_venvs_gone_ones_too(venv: Venv) -> None:
    assert [row["condition"] for row in ask(venv, "list")] == ["ok"]
    venv.path.rename(venv.project / "moved")
    (row,) = json.loads(venv.tool.run(venv.user, "list", "--json", cwd=venv.project).check().stdout)
    assert row["condition"] == "the venv is gone"


def running(venv: Venv) -> list[dict[str, Any]]:
    """Return what `ps` tells of this venv; other tests of the same user run at the same time."""
    return [row for row in ask(venv, "ps") if row["venv"] == str(venv.path)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ps_shows_a_running_sandbox_and_a_signal_to_its_pid_ends_it(venv: Venv) -> None:
    assert running(venv) == []
    process = venv.spawn("python", "-c", "import time; print('up', flush=True); time.sleep(60)")
    for _ in range(300):
        rows = running(venv)
        if rows and rows[0]["program"]:
            break
        time.sleep(0.1)
    (row,) = rows
    assert (row["entry"], row["venv"], row["program"][1]) == ("python", str(venv.path), 2)
    os.kill(row["pid"], signal.SIGTERM)
    process.wait(timeout=60)
    assert running(venv) == []


@pytest.mark.parametrize("start", [["bin/sandbox-venv"], ["bin/python", "-m", "sandbox_venv"]])
def test_ps_shows_what_run_started(shared_venv: Venv, start: list[str]) -> None:
    venv, mark = shared_venv, f"x = {start!r}"
    words = [*start, "run", "--", "python", "-c", f"{mark}; import time; print('up', flush=True); time.sleep(60)"]
    process = spawn_as(venv.user, [venv.tool.path / words[0], *words[1:]], cwd=venv.project)
    assert process.popen.stdout is not None
    process.popen.stdout.readline()
    (row,) = [row for row in ask(venv, "ps") if mark in row["entry"]]
    assert row["entry"].startswith("python -c x = ")
    assert (row["program"][1], row["venv"]) == (2, str(venv.path))
    head, *rows = venv.sandbox("ps").stdout.splitlines()  # others of the same user may run at the same time
    (line,) = [line for line in rows if line.split()[0] == str(row["pid"])]
    line = line.replace(f"~/{venv.project.name}", "~/proj").replace(str(venv.project), "~/proj")
    line = re.sub(r" *\d+", lambda found: "N".rjust(len(found[0])), re.sub("python -c .*…", "python -c x = …", line))
    shown = f"$ sandbox-venv ps\n{head}\n{line}\n"
    golden = Path(__file__).parent / "screens/ps-running.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown)
    assert shown.split() == golden.read_text().split()
    os.kill(row["pid"], signal.SIGTERM)
    process.wait(timeout=60)


def flatten(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key as commands/formats.py writes it, value) of all that is in a JSON text."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from flatten(value, f"{path}.{'NAME' if path == 'rows' else key}".removeprefix("."))
    elif isinstance(data, list):
        for value in data:
            yield from flatten(value, f"{path}[]")
    else:
        yield path, data


def check_format(command: str, data: Any) -> set[str]:
    """Check that every key is described, with its kind; return the keys that were there."""
    known = {key.path: key.kind for key in FORMATS[command]}
    kinds: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "flag": (bool,)}
    there = set()
    for path, value in flatten(data):
        if value is None:
            assert any(name.startswith(path) and known[name].endswith(" or null") for name in known), (command, path)
        else:
            assert path in known, (command, path)
            assert isinstance(value, kinds[known[path].removesuffix(" or null")]), (command, path, value)
            assert isinstance(value, bool) is known[path].startswith("flag"), (command, path, value)
            there.add(path)
    return there


def test_json_is_as_described(tool: Tool, ordinary_user: User, backend: str) -> None:
    """Each key that is printed is in the reference, and each in the reference is printed here or is a rare one."""
    venv = make_project(tool, ordinary_user, backend)
    venv.wrap("--setenv", "A", "1").check()
    venv.user.write(venv.project / ".env", "BWRAP_ARGS=--new-session\n")
    settings = '[tool.sandbox-venv]\nlibs = ["libz.so.1"]\n[tool.sandbox-venv.entry.python3]\nnetwork = false\n'
    venv.user.write(venv.project / "pyproject.toml", settings)
    process = venv.spawn("python", "-c", "import os, time; os.mkdir('.git'); print(1, flush=True); time.sleep(60)")
    assert process.popen.stdout is not None
    process.popen.stdout.readline()
    seen = {"ps": check_format("ps", ask(venv, "ps"))}
    os.kill(process.pid, signal.SIGTERM)
    process.wait(timeout=60)
    venv.user.write(venv.bin / "sneaky", "#!/bin/sh\n", 0o755)
    more = {"why": [".", "lib:libc.so.6", "syscall:ptrace"], "explain": ["--", "python3"]}
    for command in ("status", "list", "verify", "doctor", "why"):
        seen[command] = check_format(
            command, json.loads(venv.sandbox(command, *more.get(command, []), "--json").stdout)
        )
    explained = venv.sandbox("explain", "--json", *more["explain"]).check().stdout
    seen["explain"] = check_format("explain", json.loads(explained))
    rare = {"missing[][]"} | {key.path for key in FORMATS["doctor"] if key.path.startswith("attacks")}
    for command, keys in FORMATS.items():
        assert {key.path for key in keys} - seen[command] <= rare, command


def test_no_colour_unless_on_a_terminal(shared_venv: Venv) -> None:
    for words in (["status"], ["doctor"], ["why", "/etc/hosts"], ["list"]):
        assert "\x1b" not in shared_venv.sandbox(*words).stdout


def test_an_empty_list_is_said_in_words(tool: Tool, user: User) -> None:
    assert tool.run(user, "list").check().stdout == "no venv of yours is wrapped\n"


@pytest.mark.parametrize("executor", BACKENDS)
def test_explain_prints_a_command_line_that_runs_as_it_is(shared_venv: Venv, executor: str) -> None:
    """By the system's bubblewrap, and by the native executor of its command line."""
    venv = shared_venv
    venv.tool.require(venv.user, *FEATURES[executor])
    code = "import os, sys\nprint(sys.prefix, os.getcwd(), \"it's ${HOME} `x`\", 'TOKEN' in os.environ)\n"
    code += "print(os.path.exists(os.path.expanduser('~/.ssh')), os.path.exists('/etc/shadow'))\n"
    code += "open('by-hand', 'w').close()\nopen(sys.prefix + '/by-hand', 'w')"
    line = venv.sandbox("explain", "--format", "bwrap", "--", "python", "-c", code, env={"TOKEN": "x"}).check().stdout
    program, arguments = line.split(" ", 1)
    assert program == "bwrap"
    if executor == "native":
        line = f"{venv.tool.command} bwrap {arguments}"
    done = run_as(venv.user, ["/bin/bash", "-c", line], cwd=venv.project, env={"TOKEN": "x"})
    assert done.stdout == f"{venv.path} {venv.project} it's ${{HOME}} `x` False\nFalse False\n", done
    assert "Read-only file system" in done.stderr
    assert (venv.project / "by-hand").exists()
    (venv.project / "by-hand").unlink()
