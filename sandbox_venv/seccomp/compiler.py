"""Compile the policy, or the user's own list, to the two filters that the plan carries."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from sandbox_venv.errors import SandboxError, nearest
from sandbox_venv.seccomp import library as lib
from sandbox_venv.seccomp.policy import Argument, Policy, load_policy

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

LOW_32 = 0xFFFFFFFF
MACHINES = {"x86_64": "X86_64", "aarch64": "AARCH64"}
"""uname(2) machine: pyseccomp's name of the architecture"""


class Program(NamedTuple):
    """Two filters to be loaded one after the other, seccomp(2) SECCOMP_SET_MODE_FILTER."""

    allow: bytes
    """filter A, `struct sock_filter[]`; b"" = none"""
    deny: bytes
    """filter B, likewise"""
    allowed: int
    """how many system calls A allows, some of them by argument only"""
    notes: tuple[str, ...]
    """one line each: what the user should know about their own list"""


def compile_seccomp(*, allow: str | None = None, optouts: frozenset[str] = frozenset()) -> Program:
    """Return the filters for this machine.

    Args:
        allow: `SANDBOX_SECCOMP_ALLOW`. None: the default policy. Blank: no seccomp at all (the caller then needs
            a new terminal session, as nothing stops TIOCSTI). Else names of calls, in any punctuation.
            A custom list keeps the policy's conditions on arguments, its errors (EPERM for what it refuses by
            name, else ENOSYS, so that glibc falls back from clone3) and filter B, and always holds `[start]`.
        optouts: names of `[optout]` tables: `devel`, `numa`, `nested`.

    Raises:
        SandboxError: an unknown name; no libseccomp; a machine without a policy.
    """
    policy = load_policy()
    for name in sorted(optouts - policy.optouts.keys()):
        raise SandboxError(f"compile seccomp: unknown opt-out: {name}", f"known are {', '.join(policy.optouts)}")
    if allow is not None and not allow.strip():
        return Program(b"", b"", 0, ())
    machine = os.uname().machine
    if machine not in MACHINES:
        raise SandboxError(
            f"compile seccomp: no policy for {machine}", "set SANDBOX_SECCOMP_ALLOW= to run without seccomp"
        )
    return Compiler(policy, lib.load_library(), machine).compile(allow, optouts)


class Compiler:
    """One compilation: the policy and the library, bound to a machine."""

    def __init__(self, policy: Policy, library: ModuleType, machine: str) -> None:
        self.policy = policy
        self.library = library
        self.arch: int = getattr(library.Arch, MACHINES[machine])
        self.numbers = policy.numbers | (policy.numbers_x86_64 if machine == "x86_64" else {})

    def compile(self, allow: str | None, optouts: frozenset[str]) -> Program:
        """Return both filters; arguments as of `compile_seccomp`."""
        granted = frozenset(name for optout in optouts for name in self.policy.optouts[optout].allow)
        notes: list[str] = []
        if allow is None:
            names = self.policy.allow
        else:
            names = self._custom(allow, notes)
            granted |= names - self.policy.allow
            names |= self.policy.start
        personality = tuple(value for optout in optouts for value in self.policy.optouts[optout].personality)
        program, count = self._allow_filter(names, granted, personality)
        return Program(program, self._deny_filter(), count, tuple(notes))

    def number(self, name: str) -> int:
        """Return the call's number on this machine; negative where it has none."""
        return lib.resolve(self.library, name, self.arch, self.numbers)

    def _custom(self, allow: str, notes: list[str]) -> frozenset[str]:
        """Split and check the user's list; say what is odd about it in `notes`."""
        words = dict.fromkeys(re.findall(r"\w+", allow))
        if not words:
            raise SandboxError(
                f"compile seccomp: no system call named in SANDBOX_SECCOMP_ALLOW: {allow!r}",
                "leave it blank to turn seccomp off",
            )
        for word in words:
            number = self.number(word)
            if number == lib.UNKNOWN:
                raise SandboxError(
                    f"compile seccomp: unknown system call in SANDBOX_SECCOMP_ALLOW: {word}", self._nearest(word)
                )
            if number < 0:
                notes.append(f"{word}: not on this machine, ignored")
            elif word in self.policy.refuse or word in self.policy.absent:
                notes.append(f"{word}: allowed by SANDBOX_SECCOMP_ALLOW, the default policy refuses it")
        return frozenset(words)

    def _nearest(self, word: str) -> str:
        known = sorted(set(lib.known_names(self.library, self.arch, self.numbers)))
        near = nearest(word.lower(), known)
        return f"did you mean {near}?" if near else "names are those of syscalls(2)"

    def _filter(self, action: int) -> SyscallFilter:
        """Return an empty filter for this machine alone: foreign ABIs (i386, x32, arm) get ENOSYS."""
        seccomp = self.library.SyscallFilter(action)
        if self.arch != self.library.system_arch():
            seccomp.add_arch(self.arch)
            seccomp.remove_arch(self.library.system_arch())
        seccomp.set_attr(self.library.Attr.ACT_BADARCH, self.library.ERRNO(errno.ENOSYS))
        return seccomp

    def _allow_filter(
        self, names: Iterable[str], granted: frozenset[str], personality: tuple[int, ...]
    ) -> tuple[bytes, int]:
        """Return filter A and how many calls it allows."""
        library = self.library
        seccomp = self._filter(library.ERRNO(errno.ENOSYS))
        checked: dict[str, list[Argument]] = {}
        for argument in self.policy.arguments:
            checked.setdefault(argument.call, []).append(argument)
        here = {name for name in {*names, *granted} if self.number(name) >= 0}
        for name in sorted(here):
            if name in checked and name not in granted:
                extra = personality if name == "personality" else ()
                for action, conditions in self._conditions(checked[name], extra):
                    seccomp.add_rule_exactly(action, self._rule_number(name), *conditions)
            else:
                seccomp.add_rule_exactly(library.ALLOW, self._rule_number(name))
        for name in sorted(self.policy.refuse - here):
            if self.number(name) >= 0:
                seccomp.add_rule_exactly(library.ERRNO(errno.EPERM), self._rule_number(name))
        return lib.export(seccomp), len(here)

    def _conditions(self, arguments: list[Argument], extra: tuple[int, ...]) -> Iterator[tuple[int, list[object]]]:
        """Yield (action, comparisons) for one call: each allowed value, and the complement with its error."""
        special = tuple(argument.when[1] for argument in arguments if argument.when)
        for argument in arguments:
            values = argument.values + extra
            first = [self._equal(argument.when[0], LOW_32, argument.when[1])] if argument.when else []
            for value in values:
                yield self.library.ALLOW, [*first, self._equal(argument.position, argument.mask, value)]
            others = values if argument.when else values + special
            for mask, value in complement(argument.mask, others):
                yield self.library.ERRNO(argument.refuse), [*first, self._equal(argument.position, mask, value)]

    def _deny_filter(self) -> bytes:
        """Return filter B."""
        seccomp = self._filter(self.library.ALLOW)
        refuse = self.library.ERRNO(errno.EPERM)
        for deny in self.policy.denies:
            for name, index in deny.calls:
                if self.number(name) < 0:
                    continue
                for mask, value in deny.pairs:
                    comparison = self._equal(index, mask, value)
                    if deny.flag is None:
                        seccomp.add_rule_exactly(refuse, self._rule_number(name), comparison)
                    else:
                        for bit in deny.flag[1]:
                            seccomp.add_rule_exactly(
                                refuse, self._rule_number(name), self._equal(deny.flag[0], bit, bit), comparison
                            )
        return lib.export(seccomp)

    def _rule_number(self, name: str) -> int:
        """Return the number that add_rule wants: the running machine's, which it translates itself."""
        return lib.resolve(self.library, name, self.library.Arch.NATIVE, self.numbers)

    def _equal(self, index: int, mask: int, value: int) -> object:
        return self.library.Arg(index, self.library.MASKED_EQ, mask, value)


def complement(mask: int, values: Iterable[int]) -> list[tuple[int, int]]:
    """Return disjoint (mask, value) pairs that match what no value matches, looking only at bits of `mask`.

    >>> complement(0b11, [0b01])
    [(2, 2), (3, 0)]
    """
    bits = [1 << bit for bit in reversed(range(mask.bit_length())) if mask >> bit & 1]
    found: list[tuple[int, int]] = []

    def descend(depth: int, prefix_mask: int, prefix: int, left: list[int]) -> None:
        if not left:
            found.append((prefix_mask, prefix))
        elif depth < len(bits):
            bit = bits[depth]
            for chosen in (bit, 0):
                descend(
                    depth + 1, prefix_mask | bit, prefix | chosen, [value for value in left if value & bit == chosen]
                )

    descend(0, 0, 0, [value & mask for value in values])
    return found
