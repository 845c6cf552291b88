"""The compiled filters, asked by an interpreter about every number, on both machines; and what can go wrong."""

from __future__ import annotations

import ctypes.util
import errno
import itertools
import os
import sys

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.seccomp import Program, compile_seccomp, load_policy
from sandbox_venv.seccomp import library as lib
from sandbox_venv.seccomp.compiler import Compiler
from tests.unit.seccomp import bpf
from tests.unit.seccomp.filters import CONDITIONED, NONE, Stack, default_stack

# By hand, from THREATS: a change of the policy has to be made here as well.
REFUSED = [
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "add_key",
    "keyctl",
    "request_key",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "open_by_handle_at",
    "fanotify_init",
    "syslog",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "reboot",
    "sethostname",
    "setdomainname",
    "modify_ldt",
    "iopl",
    "ioperm",
    "acct",
    "vhangup",
    "get_mempolicy",
    "mbind",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "migrate_pages",
    "move_pages",
]
ABSENT = [
    "clone3",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "openat2",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "statmount",
    "listmount",
    "vmsplice",
    "name_to_handle_at",
    "memfd_secret",
    "map_shadow_stack",
    "uretprobe",
    "process_madvise",
    "fanotify_mark",
    "lookup_dcookie",
    "nfsservctl",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
]


def test_every_number_answers_as_its_name_says(stack: Stack):
    policy = stack.compiler.policy
    by_number = {stack.compiler.number(name): name for name in policy.allow | policy.refuse}
    for number in [*range(700), 0x7FFFFFFF]:
        name = by_number.get(number)
        if name in CONDITIONED:
            continue
        expected = errno.ENOSYS if name is None else 0 if name in policy.allow else errno.EPERM
        assert bpf.answer(stack.program.allow, stack.machine, number) == expected, (number, name)


def test_no_name_of_the_policy_is_misspelt():
    policy = load_policy()
    compiler = Compiler(policy, lib.load_library(), "x86_64")
    names = policy.allow | policy.refuse | policy.start | policy.absent.keys()
    names |= {name for optout in policy.optouts.values() for name in optout.allow}
    assert [name for name in sorted(names) if compiler.number(name) == lib.UNKNOWN] == []


def test_no_name_is_in_two_lists():
    policy = load_policy()
    assert policy.allow & policy.refuse == NONE
    assert (policy.allow | policy.refuse) & policy.absent.keys() == NONE


def test_own_numbers_agree_with_the_library():
    library, policy = lib.load_library(), load_policy()
    for machine, name in itertools.product(("X86_64", "AARCH64"), policy.numbers):
        number = library.resolve_syscall(getattr(library.Arch, machine), name)
        assert number in {policy.numbers[name], lib.UNKNOWN}, (machine, name)


def test_an_old_library_that_knows_fewer_names_compiles_the_same_filters(monkeypatch: pytest.MonkeyPatch):
    library, policy = lib.load_library(), load_policy()
    expected = compile_seccomp()
    real = library.resolve_syscall
    monkeypatch.setattr(
        library,
        "resolve_syscall",
        lambda arch, call: lib.UNKNOWN if call in policy.numbers else real(arch, call),
    )
    assert compile_seccomp() == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_programs_expect_to_be_refused_gets_eperm(stack: Stack, name: str):
    assert stack.ask(name) == (errno.EPERM if stack.has(name) else errno.ENOSYS)


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_left_out_looks_absent(stack: Stack, name: str):
    assert stack.ask(name) == errno.ENOSYS


def test_the_hand_written_lists_are_the_policy():
    policy = load_policy()
    assert set(REFUSED) == policy.refuse
    assert set(ABSENT) <= policy.absent.keys()


@pytest.mark.parametrize("foreign", ["i386", "arm"])
def test_foreign_abis_are_absent(stack: Stack, foreign: str):
    for number in range(500):
        assert bpf.answer(stack.program.allow, foreign, number) == errno.ENOSYS
        assert bpf.answer(stack.program.deny, foreign, number) == errno.ENOSYS


def test_x32_is_absent():
    program = default_stack("x86_64").program
    for number in range(600):
        assert bpf.answer(program.allow, "x86_64", number | 0x40000000) == errno.ENOSYS
        assert bpf.answer(program.deny, "x86_64", number | 0x40000000) == errno.ENOSYS


def test_another_machine_is_an_error_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    uname = os.uname_result([*os.uname()[:4], "riscv64"])
    monkeypatch.setattr(os, "uname", lambda: uname)
    with pytest.raises(SandboxError, match="no policy for riscv64") as caught:
        compile_seccomp()
    assert "SANDBOX_SECCOMP_ALLOW=" in (caught.value.hint or "")
    assert compile_seccomp(allow="") == Program(b"", b"", 0, ())


def test_a_missing_library_is_an_error_with_the_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "pyseccomp", raising=False)
    monkeypatch.setattr(lib, "SONAME", "libseccomp-is-missing.so.2")
    with pytest.raises(SandboxError, match="libseccomp can't be used") as caught:
        compile_seccomp()
    assert "apt install libseccomp2" in (caught.value.hint or "")
    assert ctypes.util.find_library.__module__ == "ctypes.util"


def test_a_missing_package_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(SandboxError, match="pyseccomp is missing"):
        compile_seccomp()


def test_a_filter_is_short_enough_for_the_kernel_and_always_the_same():
    """BPF_MAXINSNS is 4096, linux/bpf_common.h."""
    first, second = compile_seccomp(), compile_seccomp()
    assert first == second
    assert 8 < len(first.deny) < len(first.allow) < 4096 * 8
    assert len(first.allow) % 8 == len(first.deny) % 8 == 0


def test_the_policy_gives_a_reason_for_all_that_it_leaves_out():
    assert all(load_policy().absent.values())
