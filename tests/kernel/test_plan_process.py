"""Options of a plan that act on processes, not on files: each backend does them, for init or for the program."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.harness import Venv
from tests.kernel.native_world import SYSCALLS, filter_program, memory_file

pytestmark = pytest.mark.kernel

SESSION = "import os; print(os.getsid(0))"
"""0: a session whose leader is outside."""


def test_a_new_session_where_it_is_asked_for(shared_venv: Venv) -> None:
    assert shared_venv.python(SESSION).check().stdout == "0\n"
    assert shared_venv.python(SESSION, given={"BWRAP_ARGS": "--new-session"}).check().stdout != "0\n"


def test_a_new_session_where_no_filter_guards_the_terminal(shared_venv: Venv) -> None:
    assert shared_venv.python(SESSION, given={"SANDBOX_SECCOMP_ALLOW": ""}).check().stdout != "0\n"


@pytest.mark.skipif(os.uname().machine not in SYSCALLS, reason="system call numbers of another machine")
@pytest.mark.parametrize("option", ["--seccomp", "--add-seccomp-fd"])
def test_a_filter_of_the_call_holds_beside_ours(shared_venv: Venv, option: str) -> None:
    code = "import os; print(os.getpriority(0, 0))"
    filters = [memory_file(filter_program(number, 77)) for number in SYSCALLS[os.uname().machine]]
    try:
        given = [{"BWRAP_ARGS": f"{option} {fd}"} for fd in filters]
        refused, allowed = (shared_venv.python(code, given=given[at], pass_fds=[filters[at]]) for at in (0, 1))
    finally:
        for fd in filters:
            os.close(fd)
    assert "[Errno 77]" in refused.stderr
    assert allowed.check().stdout == "0\n"


def test_nothing_runs_before_the_block_descriptor_says_so(shared_venv: Venv) -> None:
    reader, writer = os.pipe()
    given = {"BWRAP_ARGS": f"--block-fd {reader}"}
    process = shared_venv.spawn("python", "-c", "print('ran')", given=given, pass_fds=[reader])
    os.close(reader)
    with pytest.raises(subprocess.TimeoutExpired):
        process.popen.wait(1)
    os.write(writer, b"x")
    os.close(writer)
    assert process.wait().check().stdout == "ran\n"
