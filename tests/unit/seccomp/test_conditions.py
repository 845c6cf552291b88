"""What is allowed or refused by argument: asked with every kind of value, on both machines."""

from __future__ import annotations

import errno
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.seccomp.compiler import complement
from tests.unit.seccomp.filters import GARBAGE, Stack, default_stack

NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
X86_64 = default_stack("x86_64")


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("flag", NAMESPACES)
def test_clone_with_a_namespace_flag_is_refused(stack: Stack, flag: int, garbage: int):
    assert stack.ask("clone", flag | 17 | garbage) == errno.EPERM
    assert stack.ask("clone", flag | 0x3D0F00 | garbage) == errno.EPERM


@given(flags=st.integers(0, 2**64 - 1))
def test_clone_is_allowed_exactly_without_namespace_flags(flags: int):
    expected = errno.EPERM if flags & 0x7E020000 else 0
    assert X86_64.ask("clone", flags) == expected


@pytest.mark.parametrize("flags", [17, 0x3D0F00, 0x1200011, 0x4111])
def test_clone_of_fork_thread_and_vfork_is_allowed(stack: Stack, flags: int):
    """fork(3), pthread_create(3), fork with CLONE_CHILD_SETTID, posix_spawn(3)."""
    assert stack.ask("clone", flags) == 0


@pytest.mark.parametrize("garbage", GARBAGE)
def test_sockets_are_of_three_families_and_route_netlink(stack: Stack, garbage: int):
    for family, protocol in itertools.product(range(70), (0, 1, 6, 15, 2**31)):
        answer = stack.ask("socket", family | garbage, 1, protocol | garbage)
        if family in {1, 2, 10}:
            assert answer == 0
        elif family == 16:
            assert answer == (errno.EPROTONOSUPPORT if protocol else 0)
        else:
            assert answer == errno.EAFNOSUPPORT, family


@given(family=st.integers(0, 2**64 - 1), protocol=st.integers(0, 2**64 - 1))
def test_no_other_family_slips_through(family: int, protocol: int):
    allowed = X86_64.ask("socket", family, 1, protocol) == 0
    low = family & 0xFFFFFFFF
    assert allowed == (low in {1, 2, 10} or (low == 16 and protocol & 0xFFFFFFFF == 0))


def test_socket_pairs_are_unix(stack: Stack):
    assert [family for family in range(70) if stack.ask("socketpair", family) == 0] == [1]


@given(persona=st.one_of(st.sampled_from([0, 8, 0x20000, 0x20008, 0xFFFFFFFF]), st.integers(0, 2**64 - 1)))
def test_only_harmless_personalities_are_allowed(persona: int):
    allowed = persona & 0xFFFFFFFF in {0, 8, 0x20000, 0x20008, 0xFFFFFFFF}
    assert X86_64.ask("personality", persona) == (0 if allowed else errno.EPERM)


@pytest.mark.parametrize("garbage", [*GARBAGE, 1 << 32, 1 << 63])
@pytest.mark.parametrize("request_", [0x5412, 0x541C, 0x5423])
def test_terminal_injection_is_refused_with_any_high_bits(stack: Stack, request_: int, garbage: int):
    """CVE-2019-10063: the kernel takes an unsigned int."""
    assert stack.ask("ioctl", 0, request_ | garbage) == errno.EPERM


@given(request_=st.integers(0, 2**64 - 1))
def test_other_ioctls_are_allowed(request_: int):
    expected = errno.EPERM if request_ & 0xFFFFFFFF in {0x5412, 0x541C, 0x5423} else 0
    assert X86_64.ask("ioctl", 0, request_) == expected


MODES = {
    "chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "mknod": 1, "mknodat": 2,
    "mkdir": 1, "mkdirat": 2, "creat": 1,
}  # fmt: skip


@pytest.mark.parametrize("bits", [0o4000, 0o2000, 0o6000])
@pytest.mark.parametrize("name", MODES)
def test_set_user_id_modes_are_refused(stack: Stack, name: str, bits: int):
    if not stack.has(name):
        return
    for garbage in GARBAGE:
        before = [0] * MODES[name]
        mode = bits | 0o755 | 0o100000 | garbage
        assert stack.ask(name, *before, mode) == errno.EPERM
        assert stack.ask(name, *before, 0o101755 | garbage) == 0


@pytest.mark.parametrize("flags", [0o100, 0o101 | 0o2000000, 0o20200000 | 2])
def test_files_are_not_created_set_user_id(stack: Stack, flags: int):
    for name, index in (("open", 1), ("openat", 2)):
        if not stack.has(name):
            continue
        before = [0] * index
        for bits in (0o4000, 0o2000):
            assert stack.ask(name, *before, flags, bits | 0o755) == errno.EPERM
            assert stack.ask(name, *before, flags, 0o755) == 0
            assert stack.ask(name, *before, 0o2000000, bits | 0o755) == 0  # mode is noise


@given(
    mask=st.integers(1, 0xFFFFFFFF),
    values=st.lists(st.integers(0, 0xFFFFFFFF), max_size=6),
    asked=st.integers(0, 0xFFFFFFFF),
)
def test_a_complement_matches_just_the_rest(mask: int, values: list[int], asked: int):
    pairs = complement(mask, values)
    for value in [asked, *values]:
        matching = [pair for pair in pairs if value & pair[0] == pair[1]]
        known = any(value & mask == one & mask for one in values)
        assert len(matching) == (0 if known else 1)
