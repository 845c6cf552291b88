"""What the tests of this directory ask compiled filters with."""

from __future__ import annotations

import dataclasses
import errno
import platform
from dataclasses import dataclass

from sandbox_venv.seccomp import Program, load_policy
from sandbox_venv.seccomp import library as lib
from sandbox_venv.seccomp.compiler import Compiler
from tests.unit.seccomp import bpf

MACHINES = ("x86_64", "aarch64")
NONE: frozenset[str] = frozenset()
CONDITIONED = {"clone", "socket", "socketpair", "personality"}
GARBAGE = (0, 0xDEADBEEF << 32, 0xFFFFFFFF << 32)
"""The upper half of a register: undefined in the ABI, not looked at by the kernel"""


@dataclass(frozen=True, slots=True)
class Stack:
    """Both filters of a machine."""

    machine: str
    compiler: Compiler
    program: Program

    def has(self, name: str) -> bool:
        """Tell whether the machine has this call."""
        return self.compiler.number(name) >= 0

    def ask(self, name: str, *arguments: int) -> int:
        """Return the errno of a call; 0 = allowed by both."""
        if not self.has(name):
            return errno.ENOSYS  # says the machine's kernel itself
        return self.ask_number(self.compiler.number(name), *arguments)

    def ask_number(self, number: int, *arguments: int) -> int:
        """Return the errno of a call by its number."""
        answers = [bpf.answer(one, self.machine, number, *arguments) for one in (self.program.allow, self.program.deny)]
        return answers[0] or answers[1]

    def compile(self, allow: str | None = None, *optouts: str) -> Stack:
        """Return the filters of the same machine by another list."""
        return dataclasses.replace(self, program=self.compiler.compile(allow, frozenset(optouts)))


def default_stack(machine: str) -> Stack:
    """Return the default policy; for a foreign machine without the calls that this libseccomp can't translate."""
    library, policy = lib.load_library(), load_policy()
    if machine != platform.machine():
        arch = getattr(library.Arch, machine.upper())
        new = {name for name in policy.numbers if library.resolve_syscall(arch, name) == lib.UNKNOWN}
        policy = policy._replace(allow=policy.allow - new)
    compiler = Compiler(policy, library, machine)
    return Stack(machine, compiler, compiler.compile(None, NONE))
