"""What ``--json`` prints, key by key: the reference is made from this, and tests compare real output with it.

A key that is here stays; new ones may come. Errors are never JSON: a line and a hint on standard error, status 125.
"""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """One key.

    Attributes:
        path: ``[]`` stands for the items of a list, ``NAME`` for any name.
        kind: ``text``, ``number`` or ``flag`` (true or false), with `` or null`` where there may be none.
        meaning: in a line.
    """

    path: str
    kind: str
    meaning: str


DRIFT = (
    Key("drift[].what", "text", "a path that isn't as wrap left it"),
    Key("drift[].problem", "text", "what is wrong with it"),
    Key("drift[].unsafe", "flag", "it starts outside of the sandbox"),
)

FORMATS: dict[str, tuple[Key, ...]] = {
    "doctor": (
        Key("works", "flag", "sandboxes can be had here"),
        Key("rows.NAME.ok", "flag", "it works here; NAME is the row's: userns, bwrap, landlock, …"),
        Key("rows.NAME.detail", "text", "what was found"),
        Key("rows.NAME.loss", "text", 'what is lost without it, "" where nothing is'),
        Key("rows.NAME.remedy", "text", 'what to do about it, "" where nothing is'),
        Key("attacks[].name", "text or null", "an attack; null for the list: there was no --attack"),
        Key("attacks[].tries", "text", "what it tries"),
        Key("attacks[].outcome", "text", "stopped or came through"),
        Key("attacks[].detail", "text", "how it ended"),
    ),
    "status": (
        Key("venv", "text", "its path"),
        Key("wrapped", "flag", "where false, there are no further keys"),
        Key("project", "text", "what is writable inside"),
        Key("backend", "text", "as asked for: auto, bwrap or native"),
        Key("base", "text", "the interpreter that the venv was made from"),
        Key("tool_version", "text", "the release that wrapped it"),
        Key("state", "text", "where its record, plans and notes are"),
        Key("plans[].kind", "text", "run or install"),
        Key("plans[].backend", "text", "as chosen: bwrap or native"),
        Key("plans[].age_seconds", "number", "since it was compiled"),
        Key("plans[].fresh", "flag", "nothing that it depends on changed"),
        Key("plans[].changed", "text", 'what did, "" where nothing did'),
        Key("plans[].enforced[].what", "text", "a protection"),
        Key("plans[].enforced[].in_force", "flag", "it is in force"),
        Key("plans[].enforced[].detail", "text", "in what way, or why not"),
        Key("plans[].c_launcher", "flag", "starts go through the C launcher"),
        Key("options[].option", "text", "an option or setting in force, the later ones win"),
        Key("options[].from", "text", "where it came from: a file, wrap, this shell's environment"),
        Key("ignored[].option", "text", "what the project's files ask for and nobody accepted"),
        Key("ignored[].from", "text", "which file"),
        *DRIFT,
        Key("launchers", "number", "how many entry points are wrapped"),
        Key("notes[]", "text", "what sessions left that deserves a look"),
    ),
    "list": (
        Key("[].state", "text", "where its record is"),
        Key("[].venv", "text or null", "its path; null: the record can't be read"),
        Key("[].backend", "text or null", "as asked for: auto, bwrap or native"),
        Key("[].condition", "text", "ok, or what is wrong"),
    ),
    "ps": (
        Key("[].pid", "number", "the waiter: send signals to this one"),
        Key("[].init", "number", "PID 1 of the sandbox, as seen from outside"),
        Key("[].program[]", "number or null", "the program's pid outside and inside; null: it is starting"),
        Key("[].entry", "text", "the entry point, or the command of run"),
        Key("[].venv", "text", 'whose, "" for the system\'s Python'),
        Key("[].seconds", "number", "since it was started"),
        Key("[].processes", "number", "how many are inside, PID 1 included"),
    ),
    "verify": (
        Key("venv", "text", "its path"),
        Key("launchers", "number", "how many entry points are wrapped"),
        *DRIFT,
    ),
    "why": (
        Key("[].asked", "text", "the question; a path in full"),
        Key("[].verdict", "text", "visible, not visible, passed, allowed, EPERM, …"),
        Key("[].good", "flag or null", "allowed, or not; null: in part"),
        Key("[].rule", "text", "what decides"),
        Key("[].details[]", "text", "further lines"),
        Key("[].options[].what", "text", "what an option would do"),
        Key("[].options[].how", "text", "the option, quoted as for a shell"),
    ),
    "explain": (
        Key("venv", "text or null", "its path; null: the system's Python"),
        Key("wrapped", "flag", "its entry points are launchers"),
        Key("project", "text", "what is writable inside"),
        Key("session", "text", "run or install"),
        Key("backend", "text", "as chosen: bwrap or native"),
        Key("base", "text", "the interpreter that the venv was made from"),
        Key("entry[]", "text", "names by which settings of the entry point count here"),
        Key("own_settings[]", "text", "entry points that have settings of their own"),
        Key("enforced[].what", "text", "a protection"),
        Key("enforced[].in_force", "flag", "it is in force"),
        Key("enforced[].detail", "text", "in what way, or why not"),
        Key("mounts[].option[]", "text", "a step of the set-up, in order: bwrap(1), or a slot that a start fills"),
        Key("mounts[].reason", "text", "why it is there"),
        Key("environment[][]", "text", "a rule (set, pass, drop, dotenv), and its value"),
        Key("libraries[].path", "text", "a library that is shown"),
        Key("libraries[].needed_by[]", "text", "by what"),
        Key("missing[][]", "text", "a library that wasn't found, and what needs it"),
        Key("seccomp.allowed", "number", "how many system calls the filter lets through"),
    ),
}
"""By command; ``explain`` prints it with ``--format json`` or ``--json``, and `sandbox_venv.api.explain` returns it."""
