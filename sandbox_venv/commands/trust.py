"""``trust``: accept what the project's own files say about the sandbox itself, as it is now."""

from __future__ import annotations

import sys

from ..errors import SandboxError
from ..plan.dotenv_file import read_dotenv
from ..plan.settings import TRUSTED, Item, encode_accepted, project_path, read_accepted, read_file
from ..run import Asked
from ..state import StateDir
from ..venv.record import Record
from .common import GREEN, RED, YELLOW, paint, place_of, refuse_rest, say, take_flag
from .verify import take_venv


def show_settings(record: Record, current: list[Item], accepted: list[Item]) -> None:
    """Print what the project's pyproject.toml says, and how that differs from what was accepted."""
    say(f"{project_path(record)}:")
    for item in current:
        word, colour = ("loosens ", YELLOW) if item.loosens else ("tightens", GREEN)
        say(f"  {'  ' if item in accepted else '+ '}{paint(word, colour)}  {item.text()}")
    for item in accepted:
        if item not in current:
            end = "no longer there" if item.loosens else "no longer there: accepting gives it up"
            say(f"  - {paint('gone    ', RED)}  {item.text()}  ({end})")


def agreed() -> bool:
    """Ask.

    Raises:
        SandboxError: there is nobody to ask, as in ``sandbox-venv trust | less``.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        line = "trust: nothing was accepted: there is no terminal to ask on"
        raise SandboxError(line, "to accept what is shown without being asked: sandbox-venv trust --yes")
    sys.stdout.write("Accept all of this as it is now? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def trust(words: list[str]) -> int:
    """Show what the project's ``.env`` and pyproject.toml say, and accept them as they are now."""
    yes = take_flag(words, "--yes")
    asked = Asked()
    asked.venv = take_venv(words)
    refuse_rest("trust", words)
    record, state = place_of(asked)
    path = f"{record.project}/.env"
    dotenv = read_dotenv(path)
    current, accepted = read_file(project_path(record), in_project=True), read_accepted(record)
    if dotenv.problem:
        raise SandboxError(f"trust {path}: {dotenv.problem}", "mend the file, and trust it then")
    if not (dotenv.digest or current or accepted):  # what the caller wants is so
        say(f"sandbox-venv: nothing to trust in {record.project}: no .env, no [tool.sandbox-venv] in pyproject.toml")
        return 0
    for name, value in dotenv.control.items():
        say(f"{name}={value}")
    if current or accepted:
        show_settings(record, current, accepted)
    if not yes and not agreed():
        say("nothing was accepted")
        return 1
    _accept(record, state, dotenv.digest, current, accepted)
    what = [path] if dotenv.digest else []
    what += [str(project_path(record))] if current or accepted else []
    verdict = "is trusted as it is" if len(what) == 1 else "are trusted as they are"
    say(f"sandbox-venv: {' and '.join(what)} {verdict} now")
    return 0


def _accept(record: Record, state: StateDir, digest: str, current: list[Item], accepted: list[Item]) -> None:
    if digest:
        state.write_atomic(record.folder / "trusted-env", (digest + "\n").encode())
    if current or accepted:
        state.write_atomic(record.folder / TRUSTED, encode_accepted(current))
