"""``why`` about a path: the mount that decides, and options that were tried in a plan of their own."""

from __future__ import annotations

import copy
import os
import shlex
import stat

from ..errors import SandboxError
from ..launch.linux import DEVICES
from ..plan.expose import is_below
from ..run import Asked
from .answer import Answer
from .common import Opened, open_plan
from .verdict import Verdict, judge

ACCESS: dict[str, tuple[str, bool | None]] = {
    "read-write": ("visible, writable", True),
    "read-only": ("visible, read-only", None),
    "private": ("the host's isn't visible", False),
    "hidden": ("hidden", False),
    "partial": ("visible in part", None),
    "absent": ("not visible", False),
}
"""What `Verdict.access` is called, and whether it is good."""


def try_options(asked: Asked, words: list[str], path: str, wanted: str) -> str:
    """Return "" where the plan with ``words`` added gives ``path`` the access ``wanted``, else why it doesn't."""
    other = copy.copy(asked)
    other.options = [*asked.options, *words]
    try:
        found = judge(path, open_plan(other).compiled).access
    except SandboxError as error:
        return error.message
    return "" if found == wanted else f"it would be {found}"


def changes_of(path: str, verdict: Verdict) -> list[tuple[str, list[str], str]]:
    """Return (what it does, option, access then) for a path, the more cautious first."""
    if not os.path.exists(path):
        return []
    own = verdict.access in ("absent", "partial", "private", "hidden") or bool(verdict.shows)
    if own and is_below(path, "/dev") and not is_below(path, "/dev/shm"):  # noqa: S108 - no temporary file
        return [("show it, for reading and writing", ["--dev-bind", path, path], "read-write")]
    options: list[tuple[str, list[str], str]] = []
    if own:
        options.append(("show it, read-only", ["--ro-bind", path, path], "read-only"))
    if (own or verdict.access == "read-only") and os.access(path, os.W_OK):
        options.append(("make it writable", ["--bind", path, path], "read-write"))
    if verdict.access == "read-write" and not verdict.shows:
        options.append(("make it read-only", ["--ro-bind", path, path], "read-only"))
    if verdict.access in ("read-write", "read-only") and os.path.isdir(path) and not verdict.shows:
        options.append(("hide it", ["--tmpfs", path], "private"))
    return options


def judge_through_links(path: str, opened: Opened) -> tuple[str, Verdict]:
    """Return (the path that decides, the verdict about it): a link that is shown as it is leads on."""
    verdict = judge(path, opened.compiled)
    if verdict.shows or verdict.access not in ("read-write", "read-only"):
        return path, verdict
    inner = os.path.relpath(path, verdict.mount)  # the mount itself is of what its source leads to
    real = os.path.realpath(path)
    if real == os.path.normpath(os.path.join(os.path.realpath(verdict.mount), inner)):
        return path, verdict
    return real, judge(real, opened.compiled)


def ends_here(path: str, verdict: Verdict, opened: Opened) -> str:
    """Return why no option is offered for a path, "" where some are."""
    venv = opened.subject.venv
    if venv and is_below(path, f"{venv}/sandbox"):
        return "sandbox-venv's own: the original entry points, hidden from every session"
    if venv and is_below(path, venv) and verdict.access == "read-only":
        return "the venv is written by install sessions (pip, uv, …), and its bin/ holds the originals"
    if is_below(path, "/proc"):
        return "the sandbox's own, which shows its processes alone; the host's would show all of yours"
    if path == "/dev":
        return "the sandbox's own; single devices of the host are shown by --dev-bind"
    return ""


def notes_on(path: str, verdict: Verdict, opened: Opened) -> list[str]:
    """Return what else is worth knowing of a path on the host."""
    if os.path.exists(path):
        readable = os.access(path, os.R_OK) or stat.S_ISLNK(os.lstat(path).st_mode)
        return [] if readable else ["on the host you can't read it either"]
    there = os.path.lexists(path)
    notes = ["on the host it is a link to what isn't there" if there else "on the host there is nothing of that name"]
    top, _, name = path.rpartition("/")
    if verdict.access == "read-write" and top == opened.subject.project and _is_protected(name, opened):
        notes.append("a name that tools outside obey: reported when a session makes it, and read-only from then on")
    return notes


def _is_protected(name: str, opened: Opened) -> bool:
    return os.fsencode(name) in opened.compiled.plan.protect


def why_path(path: str, asked: Asked, opened: Opened) -> Answer:
    """Answer for a path."""
    full = os.path.abspath(os.path.expanduser(path))
    real, verdict = judge_through_links(full, opened)
    text, good = ACCESS[verdict.access]
    rule = f"{verdict.rule}  [{verdict.why}]" if verdict.rule else "no mount shows it, and what isn't shown isn't there"
    if verdict.access == "partial":
        rule = "no mount shows it, but some show what is below it"
    result = Answer(full, text, good, rule, list(verdict.notes))
    if real != full:
        result.details.insert(0, f"a link leads to {real}, which decides")
    if verdict.rule.startswith("--dev ") and os.fsencode(real) in [b"/dev/" + name for name in DEVICES]:
        result.verdict, result.good = "visible, writable", True
        result.details.append("one of the devices that every sandbox has")
        return result
    if verdict.shows and verdict.access != "hidden":
        if verdict.access in ("read-only", "read-write"):
            result.verdict, result.good = f"{verdict.access}, but not the host's", None
        result.details.append(f"what is there inside: {verdict.shows}")
    result.details += notes_on(real, verdict, opened)
    end = ends_here(real, verdict, opened)
    if end:
        result.details.append(end)
        return result
    for what, words, wanted in changes_of(real, verdict):
        problem = try_options(asked, words, real, wanted)
        if problem:
            result.details.append(f"can't {what}: {problem}")
        else:
            result.options.append((what, shlex.join(words)))
    if result.options and any(char.isspace() for char in real):
        result.details.append("in BWRAP_ARGS, where spaces separate: each word on a line of its own, without quotes")
    return result
