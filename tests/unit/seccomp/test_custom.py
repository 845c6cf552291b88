"""SANDBOX_SECCOMP_ALLOW and the opt-outs."""

from __future__ import annotations

import errno

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.seccomp import Program, compile_seccomp, load_policy
from tests.unit.seccomp import bpf
from tests.unit.seccomp.filters import CONDITIONED, Stack


def test_a_blank_list_is_no_filter_at_all():
    for blank in ("", "  ", "\n"):
        assert compile_seccomp(allow=blank) == Program(b"", b"", 0, ())


def test_a_custom_list_holds_the_start_set_and_no_more(stack: Stack):
    policy = load_policy()
    custom = stack.compile("sendfile, getrlimit")
    here = {stack.compiler.number(name): name for name in policy.start | {"sendfile", "getrlimit"} if stack.has(name)}
    assert custom.program.allowed == len(here)
    for number in range(600):
        if here.get(number) not in CONDITIONED:
            assert (bpf.answer(custom.program.allow, stack.machine, number) == 0) == (number in here)
    assert custom.ask("clone3") == errno.ENOSYS
    assert custom.ask("unshare") == errno.EPERM


def test_a_custom_list_keeps_the_conditions(stack: Stack):
    custom = stack.compile("socket clone ioctl chmod fchmod")
    for name, arguments in (
        ("socket", (17,)),
        ("clone", (0x10000000,)),
        ("ioctl", (0, 0x5412)),
        ("fchmod", (0, 0o4755)),
    ):
        assert custom.ask(name, *arguments) in {errno.EPERM, errno.EAFNOSUPPORT}, name


def test_a_custom_list_may_name_what_the_default_refuses_and_says_so(stack: Stack):
    custom = stack.compile("ptrace clone3")
    assert [custom.ask(name) for name in ("ptrace", "clone3")] == [0, 0]
    assert [note.split(":")[0] for note in custom.program.notes] == ["ptrace", "clone3"]


def test_names_of_other_machines_are_ignored_with_a_note():
    program = compile_seccomp(allow="socketcall read")
    assert len(program.notes) == 1
    assert "socketcall" in program.notes[0]


@pytest.mark.parametrize(
    ("word", "hint"), [("raed", "read"), ("OPENAT", "openat"), ("zzzzzzzz", "syscalls(2)"), ("9", "")]
)
def test_an_unknown_name_is_an_error_with_the_nearest(word: str, hint: str):
    with pytest.raises(SandboxError, match=f"SANDBOX_SECCOMP_ALLOW: {word}") as caught:
        compile_seccomp(allow=f"write {word}")
    assert hint in (caught.value.hint or "")


def test_a_list_without_a_name_is_an_error():
    with pytest.raises(SandboxError, match="no system call named"):
        compile_seccomp(allow=" - ")


def test_opt_outs_allow_what_they_name(stack: Stack):
    for optout, entry in load_policy().optouts.items():
        opened = stack.compile(None, optout)
        numbers = {stack.compiler.number(name) for name in entry.allow}
        for number in range(600):
            expected = 0 if number in numbers else stack.ask_number(number)
            assert opened.ask_number(number) == expected, (optout, number)
        assert opened.program.deny == stack.program.deny


def test_nested_opens_clone_and_devel_opens_randomisation(stack: Stack):
    assert stack.compile(None, "nested").ask("clone", 0x7E020011) == 0
    devel = stack.compile(None, "devel")
    assert devel.ask("personality", 0x0040000) == 0
    assert devel.ask("personality", 0x0400000) == errno.EPERM
    assert devel.ask("clone", 0x7E020011) == errno.EPERM


def test_an_unknown_opt_out_is_an_error():
    with pytest.raises(SandboxError, match="unknown opt-out: debug") as caught:
        compile_seccomp(optouts=frozenset({"debug"}))
    assert "devel" in (caught.value.hint or "")
