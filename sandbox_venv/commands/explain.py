"""``explain``: a plan, for people, for programs, or as a command line that runs."""

from __future__ import annotations

import os
import sys

from ..errors import SandboxError
from ..launch.planfile import Plan
from ..plan import explain as explaining
from ..run import Asked, parse
from .common import open_plan
from .verify import take_venv

FORMS = ("text", "json", "bwrap")


def take_form(words: list[str]) -> tuple[str, list[str]]:
    """Return (--format, the other words); what follows ``--`` is the command's."""
    form, rest = "text", []
    while words:
        word = words.pop(0)
        if word == "--":
            rest += [word, *words]
            break
        if word.partition("=")[0] == "--format":
            form = word.partition("=")[2] or (words.pop(0) if words else "")
        elif word == "--json":
            form = "json"
        else:
            rest.append(word)
    if form not in FORMS:
        text = f"explain: --format is one of {', '.join(FORMS)}, not {form!r}"
        raise SandboxError(text, "sandbox-venv explain --help")
    return form, rest


def explain(words: list[str]) -> int:
    """Show a plan."""
    venv = take_venv(words)
    form, rest = take_form(words)
    asked = parse(rest, need_command=False)
    if venv:
        asked.venv = venv
    opened = open_plan(asked)
    if form == "bwrap":
        sys.stdout.buffer.write(os.fsencode(_runnable(asked, opened.compiled.plan)) + b"\n")
    elif form == "json":
        sys.stdout.write(explaining.as_json(opened.subject, opened.compiled))
    else:
        sys.stdout.write(explaining.text(opened.subject, opened.compiled))
    return 0


def _runnable(asked: Asked, plan: Plan) -> str:
    """Return the bwrap command line that does what the plan does, for the command asked for."""
    from ..launch.session import Session
    from ..plan.verbose import command_line

    command = [os.fsencode(word) for word in asked.command] or [plan.meta[b"bin"] + b"/python"]
    session = Session(plan, command, mask=0, path_first=True)
    options = session.options()
    return command_line([*options, b"--chdir", session.directory()], session.environment(), command)
