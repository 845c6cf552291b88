"""The command line (cold, but for ``run``, which goes straight to the launcher)."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .errors import LAUNCHER_FAILED, SandboxError
from .launch.failure import guarded
from .run import parse, run_command, start
from .usage import help_text, overview

if TYPE_CHECKING:
    from .state import StateDir
    from .venv.record import Record


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def take_venv(words: list[str]) -> str | None:
    """Take the venv off the front of ``words`` where there is one."""
    return words.pop(0) if words and not words[0].startswith("-") else None


def absolute_sources(words: list[str]) -> list[str]:
    """Return options with bind sources made absolute: they are kept, and the directory they are given in is not."""
    from .plan.options import BINDS, cut_options

    result: list[str] = []
    for option in cut_options(words, where="wrap"):
        if option[0] in BINDS:
            result += [option[0], os.path.abspath(os.path.expanduser(option[1])), *option[2:]]
        else:
            result += option
    return result


def wrap(words: list[str]) -> int:
    """Wrap a venv; the plan is compiled once to prove that it can be, and stored by the first start."""
    from .elf import FactsCache
    from .plan.build import prepare
    from .plan.options import sort_options
    from .state import open_state
    from .venv import wrap_venv
    from .venv.bytecode import compile_missing
    from .venv.inspect import locate
    from .venv.record import find_record, has_originals

    venv = take_venv(words) or ".venv"
    asked = parse(words, need_command=False)
    if asked.session or asked.venv or asked.command:
        raise SandboxError("wrap: --session, --venv and -- are options of run", "sandbox-venv wrap --help")
    options = absolute_sources(asked.options)
    sort_options(options, where="wrap", stored=True)
    state = open_state()
    earlier = find_record(state, locate(venv), damaged=lambda _: None)
    was_plain = not has_originals(locate(venv))
    kept = [os.fsencode(word) for word in options] if options or earlier is None else None
    project = Path(os.path.realpath(asked.project)) if asked.project else None
    if kept is not None:
        _check_sources(options)
    record = wrap_venv(venv, options=kept, backend=asked.backend or None, project=project, state=state, out=say)
    try:
        with FactsCache(state.root / "facts") as facts:
            subject, compiled = prepare(record, state, "run", b"", facts)
    except (SandboxError, OSError):
        take_back(record, earlier, was_plain, state)
        raise
    compile_missing(record, [Path(path) for path in subject.site])
    for path in record.folder.glob("*.plan"):  # the first start compiles, and says so, as the seed's scripts expect
        path.unlink()
    backend = os.fsdecode(compiled.plan.meta[b"backend"])
    say(f"sandbox-venv: {record.venv} is wrapped: its entry points start in a sandbox ({backend})")
    return 0


def take_back(record: Record, earlier: Record | None, was_plain: bool, state: StateDir) -> None:
    """Undo a wrap whose plan can't be compiled: plain again, or with the options of before."""
    from .venv import wrap_venv
    from .venv.record import write_record
    from .venv.unwrap import unwrap_venv

    if was_plain:
        unwrap_venv(record.venv, state=state)
        if earlier is not None:  # made anew since it was wrapped: its options are kept for the next time
            write_record(state, earlier)
    elif earlier is not None:
        options = [os.fsencode(word) for word in earlier.options]
        wrap_venv(record.venv, options=options, backend=earlier.backend, project=earlier.project, state=state)


def _check_sources(options: list[str]) -> None:
    """Refuse a bind source that is missing before anything is changed."""
    from .plan.options import BINDS, cut_options

    for option in cut_options(options, where="wrap"):
        if option[0] in BINDS and not option[0].endswith("-try") and not os.path.lexists(option[1]):
            hint = f"{option[0]}-try leaves it out where it is missing"
            raise SandboxError(f"bind {option[1]}: there is no such file or directory", hint)


def unwrap(words: list[str]) -> int:
    """Unwrap a venv."""
    from .state import open_state
    from .venv.inspect import locate
    from .venv.unwrap import unwrap_venv

    venv = take_venv(words) or ".venv"
    if words:
        raise SandboxError(f"unwrap: unknown option {words[0]!r}", "sandbox-venv unwrap --help")
    unwrap_venv(venv, state=open_state(), out=say)
    say(f"sandbox-venv: {locate(venv)} is plain again: its programs have all of your rights")
    return 0


def shell(words: list[str]) -> int:
    """Start an interactive shell in the sandbox."""
    venv = take_venv(words)
    asked = parse(words, need_command=False)
    if venv:
        asked.venv = venv
    guarded(start, asked)


def bwrap(words: list[str]) -> int:
    """Run bubblewrap's own command line on the native executor."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sandbox_venv.launch.native", *words])  # noqa: S606


def run(words: list[str]) -> int:
    """Run one command."""
    guarded(run_command, words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "wrap": wrap,
    "unwrap": unwrap,
    "run": run,
    "shell": shell,
    "bwrap": bwrap,
}
MODULES = {
    "explain": "explain", "why": "why", "status": "status", "verify": "verify", "repair": "verify", "list": "status",
    "ps": "ps", "trust": "trust", "doctor": "doctor", "completion": "completion",
}  # fmt: skip
"""Commands in modules of ``commands/``."""

RAW = ("run", "bwrap")
"""What reads ``--help`` itself."""


def find_command(name: str) -> Callable[[list[str]], int]:
    """Return the function of a command; its module is imported now."""
    if name in COMMANDS:
        return COMMANDS[name]
    module = importlib.import_module(f".commands.{MODULES[name]}", __package__)
    command: Callable[[list[str]], int] = getattr(module, {"list": "list_venvs"}.get(name, name))
    return command


def dispatch(words: list[str]) -> int:
    """Run the command that ``words`` name; the seed's form (a venv, or options only) wraps."""
    if words[:1] in (["-h"], ["-?"], ["--help"]) or words == ["help"]:
        sys.stdout.write(overview())
        return 0
    if words[:1] == ["--version"]:
        say(f"sandbox-venv {__version__}")
        return 0
    known = [*COMMANDS, *MODULES]
    if words[:1] == ["help"] and words[1] in known:
        sys.stdout.write(help_text(words[1]))
        return 0
    is_venv = len(words) == 1 and os.path.isfile(os.path.join(words[0], "pyvenv.cfg"))
    if words and words[0] in known and not is_venv:
        if words[0] not in RAW and words[1:2] in (["-h"], ["--help"]):
            sys.stdout.write(help_text(words[0]))
            return 0
        return find_command(words[0])(words[1:])
    if words and not words[0].startswith("-") and not os.path.isdir(words[0]):
        from .errors import nearest

        close = nearest(words[0], known)
        hint = f"did you mean `sandbox-venv {close}`?" if close else f"make a venv: python3 -m venv {words[0]}"
        if "/" not in words[0] and not words[0].startswith("."):
            hint = hint if close else "for the commands: sandbox-venv --help"
            raise SandboxError(f"{words[0]!r} is no command, and no venv here", hint)
        raise SandboxError(f"open venv {words[0]!r}: it isn't there", hint)
    return wrap(words)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status (125: it failed)."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = words[:1] == ["--debug"]
    if debug:
        words.pop(0)
    try:
        status = dispatch(words)
        sys.stdout.flush()
    except SandboxError as error:
        if debug:
            raise
        sys.stderr.write(error.render())
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        give_up_output()
        return 141
    except Exception as error:  # one line, and a traceback for those who ask
        if debug:
            raise
        sys.stderr.write(in_a_line(error, words[0] if words else "wrap").render())
        give_up_output()
        return LAUNCHER_FAILED
    return status


def give_up_output() -> None:
    """Drop what can't be written to standard output: Python would try again when it ends, and say so at length."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def in_a_line(error: Exception, command: str) -> SandboxError:
    """Return an error that nobody foresaw as one that users see."""
    if isinstance(error, OSError) and error.strerror:
        name = f" {os.fsdecode(error.filename)!r}" if isinstance(error.filename, (str, bytes)) else ""
        return SandboxError(
            f"{command}{name}: {error.strerror}", f"for where it happened: sandbox-venv --debug {command} …"
        )
    text = f"{command}: {type(error).__name__}: {error}"
    return SandboxError(text, "a mistake in sandbox-venv; to report it: sandbox-venv --debug, and the same words")
