"""Whole programs under the shipped filters: what must not work from any entry, and what must work as ever."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox_venv.launch import linux
from sandbox_venv.seccomp import Program, compile_seccomp
from tests.harness import User
from tests.support.base import system_python

pytestmark = pytest.mark.kernel
PYTHON = system_python()
DEFAULT = compile_seccomp()
OFF = compile_seccomp(allow="")
ORDINARY = Path(__file__).with_name("seccomp_ordinary.py")


@pytest.fixture(params=["deny", "none"])
def program(request: pytest.FixtureRequest) -> Program:
    """The default policy, and no filter at all: the twin that shows that the attack works without."""
    return DEFAULT if request.param == "deny" else OFF


def run(user: User, program: Program, command: Sequence[str], **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command as this user, from its home, under the filters."""

    def load() -> None:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        for one in (program.allow, program.deny):
            if one:
                linux.seccomp_filter(one)

    as_user = {} if user.is_root else {"user": user.uid, "group": user.gid, "extra_groups": []}
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | as_user | more
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "LANG": "C.UTF-8"}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, preexec_fn=load, start_new_session=True, cwd=user.home, env=environ, text=True, timeout=300,
        **settings,  # type: ignore[call-overload]
    )  # fmt: skip
    return done


def output(user: User, program: Program, *command: str) -> str:
    done = run(user, program, command)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


# CLONE_NEWUTS without CLONE_NEWUSER: EPERM from the kernel too for an ordinary user, so an invalid flag is added,
# which the kernel checks first. EINVAL (22) = reached.
UNSHARE = "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.unshare(0x04000001); print(ctypes.get_errno())"
ENTRIES = {
    "python": [PYTHON, "-c", UNSHARE],
    "python -S": [PYTHON, "-S", "-c", UNSHARE],
    "python -I": [PYTHON, "-I", "-c", UNSHARE],
    "python -E": [PYTHON, "-E", "-c", UNSHARE],
    "a child of sh": ["/bin/sh", "-c", '"$0" -I -S -c "$1"; true', PYTHON, UNSHARE],
    "a child of a child": [PYTHON, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", PYTHON, "-c", UNSHARE],
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_filter_holds_for_every_entry(user: User, program: Program, entry: str):
    assert output(user, program, *ENTRIES[entry]) == ("1" if program is DEFAULT else "22")


def test_a_filter_of_ones_own_cannot_lift_it(user: User):
    """An allow-all filter on top, and prctl(PR_SET_SECCOMP, 0): the strictest answer counts."""
    code = (
        "import ctypes\n"
        "c = ctypes.CDLL(None, use_errno=True)\n"
        "p = ctypes.create_string_buffer(b'\\x06\\0\\0\\0\\0\\0\\xff\\x7f', 8)\n"
        "h = ctypes.create_string_buffer(b'\\x01' + bytes(7) + ctypes.addressof(p).to_bytes(8, 'little'), 16)\n"
        "assert c.prctl(22, 2, h, 0, 0) == 0 and c.prctl(22, 0, 0, 0, 0) == -1\n"
    )
    assert output(user, DEFAULT, PYTHON, "-c", code + UNSHARE) == "1"


SET_ID = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
def attempt(name, function, *arguments):
    try:
        result = function(*arguments)
    except OSError as error:
        print(name, error.errno)
    else:
        print(name, ctypes.get_errno() if result == -1 else 'ok')
open('f', 'w').close()
fd = os.open('f', os.O_RDWR)
for bits in (0o4755, 0o2755):
    attempt('chmod', os.chmod, 'f', bits)
    attempt('fchmod', os.fchmod, fd, bits)
    attempt('fchmodat', c.fchmodat, -100, b'f', bits, 0)
    attempt('fchmodat2', c.syscall, 452, -100, b'f', bits, 0)
    attempt('openat', os.open, f'o{bits}', os.O_CREAT | os.O_WRONLY, bits)
    attempt('creat', c.creat, b'c%d' % bits, bits)
    attempt('mknod', os.mknod, f'n{bits}', 0o100000 | bits)
    attempt('tmpfile', os.open, '.', os.O_TMPFILE | os.O_RDWR, bits)
os.chmod('f', 0o755)
os.close(os.open('plain', os.O_CREAT | os.O_WRONLY, 0o755))
os.mkdir('d', 0o1777)
"""


def test_nobody_makes_a_set_user_id_file(user: User, program: Program):
    lines = output(user, program, PYTHON, "-c", SET_ID).splitlines()
    made = [path.name for path in user.home.iterdir() if path.is_file() and path.stat().st_mode & 0o6000]
    if program is DEFAULT:
        assert {line.split()[1] for line in lines} == {"1"}, lines
        assert made == []
    else:
        assert "chmod ok" in lines
        assert "openat ok" in lines
        assert made
    assert stat.S_IMODE((user.home / "f").stat().st_mode) == 0o755
    assert (user.home / "plain").exists()


TYPE = """
import ctypes, fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
c = ctypes.CDLL(None, use_errno=True)
c.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p)
for request in (0x5412, 0x5412 | 1 << 32, 0x5412 | 0xffffffff << 32):
    print(c.ioctl(0, request, b'X'), ctypes.get_errno())
print(c.ioctl(0, 0x541c, b'\\x03'), ctypes.get_errno())
termios.tcgetattr(0), os.get_terminal_size(0), os.tcgetpgrp(0)
"""


def test_nothing_is_typed_into_the_callers_terminal(user: User):
    """CVE-2017-5226, CVE-2019-10063, CVE-2023-28100, on a real pty that is the controlling terminal."""
    controller, terminal = pty.openpty()
    try:
        os.fchown(terminal, user.uid, user.gid)
        done = run(user, DEFAULT, [PYTHON, "-c", TYPE], stdin=terminal)
        assert done.returncode == 0, done.stdout
        assert done.stdout.splitlines() == ["-1 1"] * 4
        os.set_blocking(controller, False)
        with pytest.raises(BlockingIOError):
            os.read(controller, 100)  # echo would show it
    finally:
        os.close(controller)
        os.close(terminal)


def test_ordinary_operations_work(user: User, program: Program):
    done = run(user, program, [PYTHON, "-c", ORDINARY.read_text()])
    assert done.stdout.splitlines()[-1].endswith(" 0 failed"), done.stdout


def test_a_custom_list_starts_programs_and_holds_them_to_it(user: User):
    """The start set alone runs an interpreter and a shell with a child; what isn't named looks absent."""
    custom = compile_seccomp(allow="read")
    code = "import os; os.mkdir('d')"
    assert output(user, custom, "/bin/sh", "-c", "/bin/ls / >/dev/null && echo a | cat") == "a"
    assert output(user, custom, PYTHON, "-c", "print(6 * 7)") == "42"
    assert "Errno 38" in run(user, custom, [PYTHON, "-c", code]).stdout
    assert output(user, compile_seccomp(allow="mkdir\nmkdirat"), PYTHON, "-c", code) == ""


PTRACE = "import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.ptrace(0, 0, 0, 0), ctypes.get_errno())"


def test_the_opt_out_devel_allows_tracing(user: User):
    assert output(user, DEFAULT, PYTHON, "-c", PTRACE) == "-1 1"
    assert output(user, compile_seccomp(optouts=frozenset({"devel"})), PYTHON, "-c", PTRACE) == "0 0"


def test_the_opt_out_nested_allows_namespaces(user: User):
    assert output(user, compile_seccomp(optouts=frozenset({"nested"})), *ENTRIES["python"]) == "22"
