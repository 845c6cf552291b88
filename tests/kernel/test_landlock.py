"""Landlock: what the files behind 0-2 and the machine outside are closed to, and what goes on working.

Each in a sandbox of bwrap, and outside as a twin, where everything lies beneath `/` and nothing is denied.
"""

from __future__ import annotations

import os
import pty
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_venv.launch.inside import landlock
from sandbox_venv.plan import bundle
from tests.harness import User
from tests.support.base import system_python
from tests.support.programs import lack

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(landlock.abi() < 6, reason="Landlock ABI 6 (Linux 6.12) is needed for the whole of it"),
]
PYTHON = system_python()
CHILD = Path(__file__).with_name("landlock_child.py").read_text()
BWRAP = shutil.which("bwrap", path="/usr/bin:/usr/local/bin")
SYSTEM = [f"/{name}" for name in ("usr", "bin", "sbin", "lib", "lib64", "etc/ld.so.cache") if Path(f"/{name}").exists()]


class Sandbox:
    """A place to try things: a bwrap sandbox with a writable /tmp, or the plain machine."""

    def __init__(self, user: User, inside: bool) -> None:
        self.user = user
        self.inside = inside

    def ask(
        self, restriction: str, *attempts: str, stdin: int | None = None, stdout: int | None = None, late: int = -1
    ) -> list[str]:
        """Restrict a child and return what came of each attempt, after what the restriction itself returned.

        `late` becomes descriptor 0 before the restriction only: no interpreter starts with such a one.
        """
        command = [PYTHON, "-I", "-S", "-c", CHILD, str(late), restriction, *attempts]
        if self.inside:
            binds = [word for path in SYSTEM for word in ("--ro-bind", path, path)]
            more = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", "--die-with-parent"]
            command = [str(BWRAP), *binds, *more, "--", *command]
        as_user = {} if self.user.is_root else {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        source = os.memfd_create("source")
        os.write(source, bundle.bundle_source().removesuffix(bundle._FOOT).encode())
        os.lseek(source, 0, os.SEEK_SET)
        try:
            done = subprocess.run(
                command, stdin=stdin or subprocess.DEVNULL, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.PIPE,
                cwd=self.user.home, env={}, text=True, timeout=60, preexec_fn=lambda: os.dup2(source, 9),
                pass_fds=[9] + [late] * (late >= 0),
                **as_user,  # type: ignore[call-overload]
            )  # fmt: skip
        finally:
            os.close(source)
        assert done.returncode == 0, done.stderr
        result, *lines = done.stderr.splitlines()
        return [result, *(line.rpartition(" ")[2] for line in lines)]


@pytest.fixture
def inside(user: User) -> Sandbox:
    if not BWRAP:
        lack("bwrap is not installed")
    return Sandbox(user, True)


@pytest.fixture
def outside(user: User) -> Sandbox:
    return Sandbox(user, False)


@pytest.fixture
def host_file(user: User) -> Iterator[Callable[[int], int]]:
    """Open a file of the user's home, which no sandbox here shows, with the given flags."""
    opened: list[int] = []

    def make(flags: int) -> int:
        user.write(user.home / "data.txt", "data")
        opened.append(os.open(user.home / "data.txt", flags))
        return opened[-1]

    yield make
    for fd in opened:
        os.close(fd)


MODES = ("read", "write", "read-write", "truncate", "python-r", "python-w")
GRANTED = {
    os.O_RDONLY: {"read", "python-r"},
    os.O_WRONLY: {"write", "truncate", "python-w"},
    os.O_WRONLY | os.O_APPEND: {"write", "truncate", "python-w"},
    os.O_RDWR: set(MODES),
}


@pytest.mark.parametrize("path", ["/dev/stdin", "/proc/self/fd/0", "/proc/thread-self/fd/0"])
@pytest.mark.parametrize("flags", GRANTED)
def test_a_file_behind_stdin_is_reopened_with_its_own_mode_only(
    inside: Sandbox, host_file: Callable[[int], int], flags: int, path: str
):
    found = inside.ask(":restrict_reopen", *(f"{mode}={path}" for mode in MODES), stdin=host_file(flags))
    assert found == ["True", *("ok" if mode in GRANTED[flags] else "EACCES" for mode in MODES)]


def test_without_the_ruleset_any_mode_is_had(inside: Sandbox, host_file: Callable[[int], int]):
    """The twin: this is the hole."""
    expected = ["None", *["ok"] * len(MODES)]
    assert inside.ask("", *(f"{mode}=/proc/self/fd/0" for mode in MODES), stdin=host_file(os.O_RDONLY)) == expected


def test_outside_everything_lies_beneath_the_root(outside: Sandbox, host_file: Callable[[int], int]):
    attempts = [f"{mode}=/proc/self/fd/0" for mode in MODES]
    fd = host_file(os.O_RDONLY)
    assert outside.ask(":restrict_reopen", *attempts, "beneath", "rename", "own", stdin=fd) == ["True", *["ok"] * 9]


def test_stdout_goes_on_working(inside: Sandbox, host_file: Callable[[int], int]):
    found = inside.ask(
        ":restrict_reopen",
        "write=/dev/stdout",
        "python-w=/dev/stdout",
        "read=/dev/stdout",
        stdout=host_file(os.O_WRONLY),
    )
    assert found == ["True", "ok", "ok", "EACCES"]


def test_a_directory_behind_stdin_leads_nowhere(inside: Sandbox, user: User):
    user.write(user.home / "secret", "x")
    there = "/proc/self/fd/0"
    attempts = (f"list={there}", f"read={there}/secret", f"read={there}/../..", f"python-w={there}/new")
    fd = os.open(user.home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert inside.ask("", *attempts, late=fd) == ["None", "ok", "ok", "ok", "ok"]
        (user.home / "new").unlink()
        assert inside.ask(":restrict_reopen", *attempts, late=fd) == ["True", *["EACCES"] * 4]
        assert not (user.home / "new").exists()
    finally:
        os.close(fd)


@pytest.mark.parametrize("kind", ["pipe", "null", "terminal"])
def test_pipes_null_and_terminals_are_reopened(inside: Sandbox, user: User, kind: str):
    if kind == "pipe":
        fds = list(os.pipe())
    elif kind == "null":
        fds = [os.open("/dev/null", os.O_RDWR)]
    else:
        fds = list(pty.openpty())[::-1]
        os.fchown(fds[0], user.uid, user.gid)
    try:
        if kind == "pipe":  # a writer is there, so that a reader doesn't wait for one
            os.fchown(fds[0], user.uid, user.gid)
        expected = ["True", "ok", "ok"]
        assert inside.ask(":restrict_reopen", "read=/dev/stdin", "write=/dev/stdin", stdin=fds[0]) == expected
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("restriction", ["", ":restrict_reopen", ":scope"])
def test_what_the_mounts_allow_stays_allowed(inside: Sandbox, restriction: str):
    attempts = ("beneath", "rename", "own", "python-w=/dev/null", "read=/proc/self/status", "list=/usr")
    assert inside.ask(restriction, *attempts)[1:] == ["ok"] * 6


def test_only_the_ruleset_for_files_forbids_mounts(inside: Sandbox):
    """Why `nested` needs `scope` alone."""
    assert inside.ask(":scope", "mount") == ["3", "ok"]
    assert inside.ask(":restrict_reopen", "mount") == ["True", "EPERM"]


@pytest.fixture(params=[":restrict_reopen", ":scope"])
def scoped(request: pytest.FixtureRequest) -> str:
    """Both hold the scopes."""
    return str(request.param)


def test_abstract_sockets_of_the_host_are_out_of_reach(outside: Sandbox, inside: Sandbox, scoped: str):
    """Bubblewrap #330: they belong to the network namespace, which is shared."""
    name = f"sandbox-venv-{os.getpid()}-{scoped[1:]}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        listener.listen()
        for place in (outside, inside):
            assert place.ask("", f"abstract={name}")[1] == "ok"
            assert place.ask(scoped, f"abstract={name}", "abstract-inside")[1:] == ["EPERM", "ok"]


def test_named_sockets_are_the_mounts_business(outside: Sandbox, user: User, scoped: str):
    path = user.home / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o777)
        assert outside.ask(scoped, f"named={path}")[1] == "ok"


def test_processes_outside_are_not_signalled(outside: Sandbox, user: User, scoped: str):
    """The caller's group too: kill(0) reaches the members that are in the scope alone."""
    as_user = {} if user.is_root else {"user": user.uid, "group": user.gid, "extra_groups": []}
    with subprocess.Popen(["/bin/sleep", "60"], **as_user) as bystander:  # type: ignore[call-overload]
        try:
            assert outside.ask("", f"kill={bystander.pid}")[1] == "ok"
            assert outside.ask(scoped, f"kill={bystander.pid}", "kill-child", "kill-group")[1:] == ["EPERM", "ok", "ok"]
            assert bystander.poll() is None
        finally:
            bystander.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    "version, scope, reopen", [("0", "0", "False"), ("1", "0", "False"), ("2", "0", "True"), ("5", "0", "True")]
)
def test_an_older_kernel_enforces_less_and_says_so(
    inside: Sandbox, host_file: Callable[[int], int], version: str, scope: str, reopen: str
):
    assert inside.ask(f"{version}:scope", "kill-child") == [scope, "ok"]
    denied = "EACCES" if reopen == "True" else "ok"
    found = inside.ask(
        f"{version}:restrict_reopen", "read=/dev/stdin", "write=/dev/stdin", stdin=host_file(os.O_RDONLY)
    )
    assert found == [reopen, "ok", denied]
