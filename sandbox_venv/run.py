"""The ``run`` and ``shell`` commands: one command in a sandbox, nothing changed on disk.

Hot like a launcher: ``os`` and ``sys`` only, unless there is no fresh plan yet.
"""

from __future__ import annotations

import os

from .errors import SandboxError
from .launch import outside
from .launch.call import variant_of
from .launch.choose import load, own_plan, session_kind
from .launch.main import after
from .launch.outside import is_python
from .launch.planfile import Plan
from .launch.session import Session
from .launch.waiter import block_signals, end_like


class Asked:
    """What the command line of ``run`` asks for."""

    __slots__ = ("backend", "command", "options", "project", "session", "venv")

    def __init__(self) -> None:
        self.venv: str | None = None
        self.project: str | None = None
        self.backend = ""
        self.session = ""
        self.options: list[str] = []
        self.command: list[str] = []


def parse(args: list[str], *, need_command: bool = True) -> Asked:
    """Read the arguments of ``run``.

    Raises:
        SandboxError: something is missing or not one of the choices.
    """
    asked = Asked()
    choices = {"--backend": ("auto", "bwrap", "native"), "--session": ("run", "install")}
    at = 0
    while at < len(args):
        word = args[at]
        name, equals, value = word.partition("=")
        if word == "--":
            asked.command = args[at + 1 :]
            break
        if name in ("--venv", "--project", "--backend", "--session"):
            if not equals:
                at += 1
                if at >= len(args):
                    raise SandboxError(f"read options: {name} takes an argument", "sandbox-venv run --help")
                value = args[at]
            if name in choices and value not in choices[name]:
                text = f"read options: {name} is one of {', '.join(choices[name])}, not {value!r}"
                raise SandboxError(text, "sandbox-venv run --help")
            setattr(asked, name[2:], value)
        else:
            asked.options.append(word)
        at += 1
    if "--tool" in asked.options or "--shim" in asked.options:
        from .hosttool import locate_tools, places_to_avoid

        asked.options = locate_tools(asked.options, places_to_avoid())
    if need_command and not asked.command:
        raise SandboxError("run a command: there is none", "put it after --: sandbox-venv run -- python app.py")
    return asked


def find_venv(asked: str | None) -> str | None:
    """Return the venv's path, its parent resolved, or None where there is none.

    Args:
        asked: a path; "" for none, so the system's Python; None: $VIRTUAL_ENV, else the nearest ``.venv``.
    """
    if asked == "":
        return None
    if asked is None and os.environ.get("VIRTUAL_ENV"):
        asked = os.environ["VIRTUAL_ENV"]
    if asked is not None:
        path = os.path.abspath(asked)
        if not os.path.isdir(path):
            raise SandboxError(f"open venv {path!r}: it isn't there", f"make one: python3 -m venv {path}")
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return nearest_venv(os.getcwd())


def nearest_venv(folder: str) -> str | None:
    """Return the ``.venv`` of a directory or of the nearest one above it, None where there is none."""
    while True:
        path = os.path.join(folder, ".venv")
        if os.path.isfile(os.path.join(path, "pyvenv.cfg")):
            return path
        if folder == "/":
            return None
        folder = os.path.dirname(folder)


def state_root() -> str:
    """Return the state directory's path."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        home = os.environ.get("HOME", "")
        if not home.startswith("/"):
            from .state import user_home

            home = str(user_home())
        base = os.path.join(home, ".local", "state")
    return os.path.join(os.path.realpath(base), "sandbox-venv")


def venv_id(venv: str) -> str:
    """Return the same as ``state.id_of``, without importing hashlib where that can be had."""
    try:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            from hashlib import sha256
    text: str = sha256(os.fsencode(venv)).hexdigest()
    return text[:20]


def folder_of(asked: Asked, venv: str | None) -> bytes:
    """Return the directory of the plans, making its record where there is none yet."""
    root = state_root()
    if venv is not None:
        folder = os.path.join(root, "venvs", venv_id(venv))
        if os.path.lexists(os.path.join(folder, "record.json")):
            if asked.project:
                raise SandboxError(
                    f"run in {venv!r}: it is wrapped, with a project of its own",
                    "change that by wrapping again: sandbox-venv wrap --project DIR",
                )
            return os.fsencode(folder)
        if os.path.isdir(os.path.join(venv, "sandbox", "bin")):
            raise SandboxError(
                f"run in {venv!r}: it was wrapped with another state directory, or that is lost",
                "set XDG_STATE_HOME (or HOME) as when it was wrapped, or wrap it again",
            )
    project = os.path.realpath(asked.project) if asked.project else ""
    if not project:
        project = os.path.dirname(venv) if venv is not None else os.path.realpath(os.getcwd())
    name = venv_id(f"{venv}\0{project}\0{os.environ.get('HOME')}")  # not to be met by another project's name
    folder = os.path.join(root, "runs", name)
    if not os.path.lexists(os.path.join(folder, "record.json")):
        from .plain import make_record

        folder = make_record(folder, venv, project)
    return os.fsencode(folder)


def run_command(args: list[str]) -> None:
    """Do what ``run`` does; never returns."""
    if args[:1] in (["--help"], ["-h"]):
        from .usage import help_text

        os.write(1, help_text("run").encode())
        os._exit(0)
    start(parse(args))


def with_tool(plan: Plan, asked: Asked, command: list[bytes], variant: bytes) -> bytes:
    """Return the variant that shows the host's installer (uv, poetry) which ``command`` names, by its path then."""
    name = os.path.basename(command[0])
    if name.rstrip(b"0123456789.") not in plan.entries or is_python(name):
        return variant
    from .hosttool import tool_of

    tool = tool_of(os.fsdecode(command[0]), os.fsdecode(plan.meta[b"venv"]), os.fsdecode(plan.meta[b"project"]))
    if not tool:
        return variant
    command[0] = os.fsencode(tool)
    options = [os.fsencode(word) for word in asked.options]
    return variant_of(os.environb, [*options, b"--tool", command[0]], asked.backend.encode())


def entry_of(command: list[str], folder: bytes) -> bytes:
    """Return the name of the entry point that a command is: b"" where it names a file that is none.

    Args:
        command: as it was typed; nothing for a shell.
        folder: where the venv's entry points are.
    """
    if not command:
        return b"shell"
    place, name = os.path.split(os.fsencode(command[0]))
    return name if place in (b"", folder) or os.path.abspath(place) == folder else b""


def check_private(folder: bytes) -> None:
    """Refuse to go on where the state directory, or that of the plans in it, isn't this user's alone: as launchers do.

    Raises:
        SandboxError: another user could have written there.
    """
    for path in (os.path.dirname(os.path.dirname(folder)), folder):
        status = os.lstat(path)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            text = f"start: {os.fsdecode(path)!r} belongs to another user, or lets others in"
            raise SandboxError(text, "launchers trust what lies in it: see who wrote there, then chmod 700 it")


def start(asked: Asked) -> None:
    """Run a command as ``asked``; never returns."""
    venv = find_venv(asked.venv)
    folder = folder_of(asked, venv)
    check_private(folder)
    options = [os.fsencode(word) for word in asked.options]
    variant = variant_of(os.environb, options, asked.backend.encode())
    plan = load(folder, b"run", variant)
    command = [os.fsencode(word) for word in asked.command] or [plan.meta[b"shell"]]
    kind = asked.session.encode() or session_kind(plan.entries, os.path.basename(command[0]), command[1:])
    if kind == b"install":
        if not plan.meta[b"record"]:
            where = venv or "the system's Python"
            raise SandboxError(
                f"install into {where}: it isn't wrapped, so what is installed would be started unsandboxed",
                f"wrap it first: sandbox-venv wrap {venv}" if venv else "make a venv and wrap it",
            )
        variant = with_tool(plan, asked, command, variant)
    plan = own_plan(folder, plan, kind, variant, entry_of(asked.command, plan.meta[b"bin"]))
    mask = block_signals()
    session = Session(plan, outside.safe_path(plan, command), mask=mask, path_first=True)
    status = session.run()
    after(session)
    end_like(status)
