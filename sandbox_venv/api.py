"""The public Python API: three functions. What isn't here may change at any time.

>>> from sandbox_venv.api import compile_policy, explain, run_command
>>> policy = compile_policy(".venv", options=["--unshare-net"])  # doctest: +SKIP
>>> run_command(policy, ["python", "app.py"], timeout=60).returncode  # doctest: +SKIP
0
>>> explain(policy)["backend"], explain(policy, "ruff")["entry"]  # doctest: +SKIP
('native', ['ruff'])

Errors are ``sandbox_venv.errors.SandboxError``: ``message`` in one line, ``hint`` or None.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .run import Asked

__all__ = ["Policy", "compile_policy", "explain", "run_command"]

Text = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a sandbox shows and enforces, for one venv. Made by :func:`compile_policy`; its fields are for reading.

    Attributes:
        venv: the venv's absolute path, None for the system's Python.
        project: the directory that is writable inside.
        session: ``run`` or ``install``.
        backend: ``bwrap`` or ``native``, as chosen.
        options: bubblewrap options, in order.
        explanation: what :func:`explain` returns, as JSON.
    """

    venv: str | None
    project: str
    session: str
    backend: str
    options: tuple[str, ...]
    explanation: str


def compile_policy(
    venv: Text | None = None,
    *,
    options: Sequence[str] = (),
    session: Literal["run", "install"] = "run",
    backend: Literal["auto", "bwrap", "native"] = "auto",
    project: Text | None = None,
) -> Policy:
    """Compile the policy of a venv, wrapped or not; nothing in it is changed, and nothing of it is run.

    Settings of single entry points (``entry.NAME``) count besides, when such a one is run: see :func:`explain`.

    Args:
        venv: its path; None finds it as ``sandbox-venv run`` does; "" stands for the system's Python.
        options: bubblewrap options besides those in force anyway, as on the command line.
        session: what kind of session.
        backend: what executes it.
        project: what is writable inside; None: the venv's parent (a wrapped venv has its own).

    Raises:
        SandboxError: no safe sandbox can be had so, and why.
    """
    from .commands.common import open_plan
    from .plan.explain import as_json
    from .run import Asked, find_venv

    asked = Asked()
    asked.venv = find_venv(None if venv is None else os.fspath(venv)) or ""
    asked.options = list(options)
    asked.session = session
    asked.backend = "" if backend == "auto" else backend
    asked.project = None if project is None else os.fspath(project)
    opened = open_plan(asked)
    subject, plan = opened.subject, opened.compiled.plan
    return Policy(
        venv=subject.venv,
        project=subject.project,
        session=session,
        backend=os.fsdecode(plan.meta[b"backend"]),
        options=tuple(options),
        explanation=as_json(subject, opened.compiled),
    )


def run_command(policy: Policy, command: Sequence[Text], **more: Any) -> subprocess.CompletedProcess[Any]:  # noqa: ANN401
    """Run a command in a sandbox and wait for it, as :func:`subprocess.run` does.

    Args:
        policy: what :func:`compile_policy` returned.
        command: program and arguments; the venv's programs are found first.
        more: further arguments of subprocess.run: ``input``, ``capture_output``, ``timeout``, ``check``, ``cwd``
            (default: the current directory), ``env`` (filtered like any caller's), …

    Returns:
        The result; a ``returncode`` of 125: the sandbox could not be set up and nothing ran, 126 and 127 as a
        shell says it; negative: it died by that signal.
    """
    words = [
        sys.executable,
        "-P",
        "-m",
        "sandbox_venv",
        "run",
        "--backend",
        policy.backend,
        "--session",
        policy.session,
    ]
    words += ["--venv", policy.venv or ""]  # without a venv: not the one that happens to be near
    if not json.loads(policy.explanation)["wrapped"]:
        words += ["--project", policy.project]
    words += [*policy.options, "--", *(os.fspath(word) for word in command)]
    return subprocess.run(words, **more)  # noqa: PLW1510 - the caller's choice


def explain(policy: Policy, entry: str = "") -> dict[str, Any]:
    """Return what ``sandbox-venv explain --format json`` prints: mounts with reasons, environment, what is enforced.

    Args:
        policy: what :func:`compile_policy` returned.
        entry: an entry point: what holds for it, with its own settings (``entry.NAME``), as the files say them now.
            Those that have such are in ``explain(policy)["own_settings"]``.

    Raises:
        SandboxError: ``entry`` is given, and its settings allow no safe sandbox.
    """
    if entry:
        from .commands.common import open_plan
        from .plan.explain import as_json

        opened = open_plan(_asked(policy, entry))
        return dict(json.loads(as_json(opened.subject, opened.compiled)))
    return dict(json.loads(policy.explanation))


def _asked(policy: Policy, entry: str) -> Asked:
    """Return the command line that runs an entry point under a policy."""
    from .run import Asked

    asked = Asked()
    asked.venv, asked.backend, asked.session = policy.venv or "", policy.backend, policy.session
    asked.options, asked.command = list(policy.options), [entry]
    if not json.loads(policy.explanation)["wrapped"]:
        asked.project = policy.project
    return asked
