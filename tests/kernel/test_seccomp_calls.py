"""Forbidden calls are refused by the filter, and their twins reach the kernel: each under every stack of filters."""

from __future__ import annotations

import json
import platform
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox_venv.launch import linux
from sandbox_venv.seccomp import compile_seccomp, load_policy
from sandbox_venv.seccomp import library as lib
from tests.harness import User
from tests.kernel.seccomp_cases import ABSENT, DENIED, NO_FAMILY, REACHED, REFUSED
from tests.support.base import system_python

pytestmark = pytest.mark.kernel
PROBE = Path(__file__).with_name("seccomp_probe.py").read_text()
NATIVE = "native"
ODD = {1: 1401, 38: 1438, 97: 1497, 93: 1493}
"""errno: what the tests' copy of a filter answers in its place, which no kernel does"""
Call = tuple[str, int, tuple[int, ...]]


def make_odd(program: bytes) -> bytes:
    """Return the filter with other errors (BPF_RET of SECCOMP_RET_ERRNO), so that an answer tells who gave it."""
    out = []
    for code, true, false, k in struct.iter_unpack("<HBBI", program):
        refusal = code == 0x06 and k >> 16 == 5
        out.append(struct.pack("<HBBI", code, true, false, 5 << 16 | ODD[k & 0xFFFF] if refusal else k))
    return b"".join(out)


COMPILED = compile_seccomp()
A, B = make_odd(COMPILED.allow), make_odd(COMPILED.deny)
STACKS = {"none": [], "allow": [A], "deny": [B], "both": [A, B], "both, the other way round": [B, A]}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number(name: str) -> int:
    if name == "a call of the future":
        return 1000
    policy = load_policy()
    library = lib.load_library()
    return lib.resolve(library, name, library.Arch.NATIVE, policy.numbers | policy.numbers_x86_64)


def probe(user: User, filters: Sequence[bytes], calls: Sequence[Call]) -> list[str]:
    """Make the calls as this user under these filters; return what came back from each."""

    def load() -> None:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        for program in filters:
            linux.seccomp_filter(program)

    as_user = {} if user.is_root else {"user": user.uid, "group": user.gid, "extra_groups": []}
    done = subprocess.run(
        [system_python(), "-I", "-S", "-c", PROBE, json.dumps(calls)],
        preexec_fn=load, start_new_session=True, cwd="/", env={}, capture_output=True, text=True, **as_user,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout).splitlines()


def ask(user: User, stack: str, cases: Sequence[tuple[str, tuple[int, ...]]]) -> list[tuple[str, tuple[int, ...], str]]:
    """Return each case that this machine has, with what came back."""
    here = [case for case in cases if number(case[0]) >= 0]
    answers = probe(user, STACKS[stack], [(NATIVE, number(name), arguments) for name, arguments in here])
    assert len(answers) == len(here)
    return [(name, arguments, answer) for (name, arguments), answer in zip(here, answers, strict=True)]


def refused_by(stack: str, filters: str, errno: int) -> set[str]:
    """Return what may come back: the filter's odd answer where one of `filters` is stacked, else anything else."""
    odd = f"errno {ODD[errno]}"
    return {odd} if any(word in stack for word in (filters, "both")) else set()


def check(found: list[tuple[str, tuple[int, ...], str]], expected: set[str]) -> None:
    if expected:
        assert [case for case in found if case[2] not in expected] == []
    else:
        odd = {f"errno {value}" for value in ODD.values()}
        assert [case for case in found if case[2] in odd] == []


def test_privileged_calls_are_refused(user: User, stack: str):
    check(ask(user, stack, list(REFUSED.items())), refused_by(stack, "allow", 1))


def test_calls_that_are_left_out_look_absent(user: User, stack: str):
    check(ask(user, stack, list(ABSENT.items())), refused_by(stack, "allow", 38))


def test_socket_families_are_unsupported(user: User, stack: str):
    check(ask(user, stack, [("socket", arguments) for arguments in NO_FAMILY.values()]), refused_by(stack, "allow", 97))
    check(ask(user, stack, [("socket", (16, 3, 9)), ("socket", (16, 3, 15))]), refused_by(stack, "allow", 93))


def test_terminal_injection_and_set_user_id_modes_are_denied(user: User, stack: str):
    check(ask(user, stack, DENIED), refused_by(stack, "deny", 1) or {"errno 9", "errno 14", "errno 22", "errno 38"})


def test_allowed_twins_reach_the_kernel(user: User, stack: str):
    found = ask(user, stack, [(name, arguments) for name, arguments, _ in REACHED])
    expected = {(name, arguments): answer for name, arguments, answer in REACHED}
    new = {"errno 38"}  # an older kernel than the call
    assert [case for case in found if case[2] not in {expected[case[:2]]} | new] == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the i386 and x32 ABIs are x86_64's")
def test_foreign_abis_are_absent(user: User, stack: str):
    """Getpid of i386 by int 0x80 (a signal: the kernel has no such ABI), getpid of x32."""
    answers = probe(user, STACKS[stack], [("int80", 20, ()), (NATIVE, 39 | 0x40000000, ())])
    if stack == "none":
        assert answers[0] in {"ok", "signal 11"}
    else:
        assert answers[0] in {f"errno {ODD[38]}", "signal 11"}
        assert answers[1] == f"errno {ODD[38]}"


def test_the_shipped_filters_answer_with_the_policys_errors(user: User):
    cases = {
        "unshare": (0x10000000,),
        "clone3": (1, 0),
        "socket": (17, 3, 0),
        "ioctl": (0, 0x5412),
        "fchmod": (0, 0o4755),
    }
    calls: list[Call] = [(NATIVE, number(name), arguments) for name, arguments in cases.items()]
    answers = probe(user, [COMPILED.allow, COMPILED.deny], calls)
    assert answers == ["errno 1", "errno 38", "errno 97", "errno 1", "errno 1"]
