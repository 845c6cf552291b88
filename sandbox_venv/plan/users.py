"""The user's mount options become slots; those that would cover ours move below them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..errors import SandboxError
from .expose import Exposure, is_below
from .layout import Layout
from .options import BINDS, Operation
from .subject import Subject


def settle(path: str, exposure: Exposure) -> str:
    """Return ``path`` with the links that the plan itself makes (``/lib`` → ``usr/lib``) resolved."""
    if path.startswith("/var/tmp/"):  # noqa: S108 - a link to /tmp in every sandbox
        path = "/tmp" + path.removeprefix("/var/tmp")  # noqa: S108
    for _ in range(40):
        parts = path.split("/")
        for end in range(2, len(parts) + 1):
            link = exposure.links.get("/".join(parts[:end]))
            if link and end < len(parts):
                head = os.path.normpath(os.path.join("/".join(parts[: end - 1]) or "/", link[0]))
                path = "/".join([head.rstrip("/"), *parts[end:]])
                break
        else:
            return path
    return path


def writable_root(path: str, roots: Sequence[str]) -> str | None:
    """Return the session-writable directory that ``path`` lies in, or None."""
    return next((root for root in roots if is_below(path, root)), None)


def source_of(operation: Operation, roots: Sequence[str], cwd: str) -> str:
    """Return the checked source of a bind.

    A source that a session could have replaced is taken as it is written: the launcher opens it without following
    links. Any other is resolved now.

    Raises:
        SandboxError: it is missing, and the option isn't one of the ``-try`` forms.
    """
    name, source = operation.words[0], operation.words[1]
    path = os.path.normpath(os.path.join(cwd, os.path.expanduser(source)))
    if not os.path.lexists(path) and not name.endswith("-try"):
        hint = f"{name}-try leaves it out where it is missing"
        raise SandboxError(f"bind {path}: there is no such file or directory", hint)
    if writable_root(path, roots):
        return path
    real = os.path.realpath(path)
    if writable_root(real, roots):
        raise SandboxError(f"bind {path}: it leads to {real}, which a session can replace", "name that path itself")
    return real


def add_operation(layout: Layout, operation: Operation, roots: Sequence[str], cwd: str, why: str) -> None:
    """Append one of the user's mount options."""
    if operation.prefix:
        layout.option(operation.prefix[:2], why=why)
        for at in range(2, len(operation.prefix), 2):
            layout.option(operation.prefix[at : at + 2], why=why)
    name = operation.words[0]
    if name in BINDS:
        source = source_of(operation, roots, cwd)
        kind = BINDS[name]
        if kind.startswith("dev"):
            if writable_root(source, roots):
                text = f"bind {source}: a session can replace it, so it can't be bound with its devices"
                raise SandboxError(text, "bind it without: --bind")
            layout.option([name, source, operation.target], why=why)
        else:
            layout.add(kind, source, operation.target, why=why)
    else:
        layout.option(operation.words, why=why)


def mount_point(layout: Layout, subject: Subject, operation: Operation, *, project_bound: bool) -> None:
    """Have the launcher make the mount point where it lies in the project, whose paths a session can replace."""
    target, project = operation.target, subject.project
    if project_bound or target == project or not is_below(target, project):
        return
    if subject.venv and is_below(target, subject.venv):
        return
    folder = True
    if operation.words[0] in BINDS:
        folder = not os.path.isfile(operation.words[1])
    elif operation.words[0] in ("--file", "--bind-data", "--ro-bind-data"):
        folder = False
    elif operation.words[0] in ("--symlink", "--remount-ro", "--chmod"):
        return
    kind = "point-dir" if folder else "point-file"
    layout.add(kind, project, os.path.relpath(target, project), why="mount point of your option")


def split_covering(operations: Sequence[Operation], ours: Sequence[str]) -> tuple[list[Operation], list[Operation]]:
    """Return (those that cover one of our mounts or replace it, the rest), each in order."""
    covering, rest = [], []
    for operation in operations:
        binds = operation.words[0] in BINDS or operation.words[0] in ("--tmpfs", "--overlay", "--tmp-overlay")
        if binds and any(is_below(path, operation.target) for path in ours):
            covering.append(operation)
        else:
            rest.append(operation)
    return covering, rest


def check_trust(subject: Subject, layout: Layout, base: Sequence[Sequence[str]]) -> None:
    """Refuse a plan in which something that the launcher trusts could be written from inside.

    Raises:
        SandboxError: naming the bind.
    """
    sources = [first for (kind, first, _), _ in layout.lines if kind in ("rw", "rw-try", "--dev-bind", "--bind")]
    sources += [words[1] for words in base if words[0] in ("--bind", "--bind-try", "--dev-bind", "--dev-bind-try")]
    for source in sources:
        real = os.path.realpath(source)
        for trusted in subject.trusted:
            if is_below(os.path.realpath(trusted), real):
                raise SandboxError(
                    f"bind {source} writable: it holds {trusted}, which sandbox-venv trusts",
                    "bind a narrower directory, or bind it read-only (--ro-bind)",
                )
