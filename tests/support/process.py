"""Running programs as a person's shell would start them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.base import system_python
from tests.support.users import User

TIMEOUT = 60.0

Argument = str | bytes | os.PathLike[str]
Environment = Mapping[str, Any]
"""Names and values; None removes a name."""

PASSED_ON = re.compile(r"(PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|OPENBLAS_)")
"""What of the test run's own environment a user's session has too: how to reach the package registry."""

PARENT_CODE = r"""
import os, signal, sys
report, terminal, count = map(int, sys.argv[1:4])
given = dict(item.split("=", 1) for item in sys.argv[4:4 + count])
argv = sys.argv[4 + count:]
if terminal:
    import fcntl, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
pid = os.fork()
if not pid:
    os.close(report)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, {**os.environ, **given})
    except OSError as error:
        os.write(2, os.fsencode(f"{argv[0]}: {error.strerror}\n"))
        os._exit(126 if isinstance(error, PermissionError) else 127)
for name in ("HUP", "INT", "QUIT", "TERM", "TSTP", "TTIN", "TTOU"):
    signal.signal(getattr(signal, "SIG" + name), signal.SIG_IGN)
os.write(report, b"%d\n" % pid)
os.close(report)
status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = os.WTERMSIG(status)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
os._exit(os.WEXITSTATUS(status))
"""
"""The parent of what is tested: it has the session's environment, and ends as its child ended.

Nothing is ignored, as under a person's shell: a test run in the background has SIGINT and SIGQUIT ignored, nohup(1)'s SIGHUP.
"""

PARENT = (system_python(), "-I", "-S", "-c", PARENT_CODE)


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended; ``status`` is negative after a death by a signal, as in subprocess."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def check(self, status: int = 0) -> Result:
        """Return self where the status is ``status``, else fail with all that was printed."""
        assert self.status == status, f"status {self.status}, not {status}\n{self}"
        return self

    def __str__(self) -> str:
        return f"argv: {self.argv}\nstatus: {self.status}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"


def session_environment(user: User, env: Environment | None = None) -> dict[str, str]:
    """Return the environment of ``user``'s login session, changed by ``env``."""
    found = {
        "HOME": str(user.home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "USER": user.name,
        "LOGNAME": user.name,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    found |= {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
    for name, value in (env or {}).items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = os.fsdecode(value)
    return found


@dataclass(slots=True)
class Process:
    """A started program: ``pid`` is its own, ``popen`` its parent's."""

    popen: subprocess.Popen[bytes]
    pid: int
    argv: tuple[str, ...]

    def signal(self, number: int) -> None:
        """Send a signal to the program's pid alone."""
        os.kill(self.pid, number)

    def wait(self, timeout: float = TIMEOUT, data: str | bytes | None = None) -> Result:
        """Wait for the end and return what was printed; on a time-out everything is killed first."""
        if isinstance(data, str):
            data = data.encode()
        try:
            out, err = self.popen.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.popen.communicate(timeout=10)
            text = f"no end within {timeout} s: {self.argv}\nstdout:\n{out!r}\nstderr:\n{err!r}"
            raise AssertionError(text) from None
        return Result(self.argv, self.popen.returncode, _text(out), _text(err))

    def kill(self) -> None:
        """Kill the program and its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")


def spawn_as(
    user: User,
    argv: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Environment | None = None,
    given: Environment | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    terminal: bool = False,
    pass_fds: Iterable[int] = (),
) -> Process:
    """Start ``argv`` as ``user`` in a session of its own and return it.

    ``env`` changes the session's environment (``export`` in a login shell), ``given`` is for this one process
    (``NAME=value program``). ``terminal`` makes ``stdin`` the controlling terminal.
    """
    words = tuple(map(os.fsdecode, argv))
    extra = [f"{name}={os.fsdecode(value)}" for name, value in (given or {}).items()]
    reader, writer = os.pipe()
    identity: dict[str, Any] = {}
    if os.geteuid() != user.uid:
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
    try:
        popen: subprocess.Popen[bytes] = subprocess.Popen(
            [
                *PARENT,
                str(writer),
                str(int(terminal)),
                str(len(extra)),
                *extra,
                *words,
            ],
            cwd=cwd or user.home,
            env=session_environment(user, env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=(writer, *pass_fds),
            **identity,
        )
        os.close(writer)
        writer = -1
        with os.fdopen(reader, "rb") as report:
            reader = -1
            pid = int(report.readline() or b"0")
    finally:
        for descriptor in (reader, writer):
            if descriptor >= 0:
                os.close(descriptor)
    return Process(popen, pid, words)


def run_as(
    user: User,
    argv: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Environment | None = None,
    given: Environment | None = None,
    input: str | bytes | None = None,  # noqa: A002 - as in subprocess.run
    timeout: float = TIMEOUT,
    pass_fds: Iterable[int] = (),
) -> Result:
    """Run ``argv`` as ``user`` to its end; see :func:`spawn_as`, and :class:`tests.support.terminal.Terminal`."""
    process = spawn_as(
        user,
        argv,
        cwd=cwd,
        env=env,
        given=given,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        pass_fds=pass_fds,
    )
    return process.wait(timeout, input)
