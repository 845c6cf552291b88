"""The seccomp policy and its compiler: names and reasons in, two BPF programs out (cold half only)."""

from sandbox_venv.seccomp.compiler import Program, compile_seccomp
from sandbox_venv.seccomp.policy import Policy, load_policy

__all__ = ["Policy", "Program", "compile_seccomp", "load_policy"]
