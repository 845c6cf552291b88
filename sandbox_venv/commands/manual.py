"""The man page and the options reference, made from ``usage`` and the option tables (``python -m`` writes both)."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from .. import __version__
from ..plan.options import ALWAYS, ARITY, REFUSED
from ..policy import presets
from ..policy.schema import config_schema
from ..seccomp.policy import load_policy
from ..usage import COMMANDS
from .formats import FORMATS

VARIABLES = (
    ("BWRAP_ARGS", "More bubblewrap options for one process; split at newlines where there are some, else at spaces."),
    ("SANDBOX_SECCOMP_ALLOW", "The system calls to allow instead of the default list; empty switches the filter off."),
    ("SANDBOX_USE_PIP_CACHE", "Not empty: the user's own ~/.cache/pip is shown. A session can poison it."),
    ("SANDBOX_ENV", "Names (and PREFIX*) of variables to pass that would not pass otherwise."),
    ("VERBOSE", "Not empty: print the complete bwrap command line on standard error before it starts."),
    ("VIRTUAL_ENV", "The venv that is meant where a command names none, other than wrap and unwrap."),
    ("NO_COLOR", "Not empty: no colours."),
    ("FORCE_COLOR", "Neither empty nor 0: colours, even where the output is no terminal. NO_COLOR wins."),
    ("XDG_STATE_HOME", "Where the trusted state is kept; looked up when wrapping, never by launchers."),
    ("XDG_DATA_HOME", "Where run keeps the private home and cache of a venv that isn't wrapped."),
)
STATUSES = (
    ("the program's own", "what was started in a sandbox ended so, or died by the same signal"),
    ("0", "done; for status: it is wrapped; for doctor: sandboxes can be had, and no attack came through"),
    ("1", "status: not wrapped; verify, repair: differences; trust: no; doctor: no sandbox, or attacks got through"),
    ("125", "the sandbox could not be set up, and nothing ran; or the command line or a settings file is wrong"),
    ("126", "the program is not executable"),
    ("127", "the program was not found"),
    ("130", "Ctrl-C while no program ran"),
    ("141", "whoever read the output is gone"),
)  # fmt: skip
FILES = (
    ("VENV/bin/*", "launchers"),
    ("VENV/sandbox/bin/*", "the original entry points"),
    ("VENV/home, VENV/cache", "$HOME and ~/.cache inside"),
    ("PROJECT/.env", "variables that are set inside; BWRAP_ARGS and SANDBOX_* in it count once trusted"),
    ("PROJECT/pyproject.toml", "[tool.sandbox-venv]: the project's settings"),
    ("~/.config/sandbox-venv/config.toml", "the user's own settings"),
    ("$XDG_STATE_HOME/sandbox-venv", "the trusted state, by default in ~/.local/state"),
    ("$XDG_DATA_HOME/sandbox-venv", "what run keeps for venvs that aren't wrapped, by default in ~/.local/share"),
)


GENERAL = (
    ("--help", "what there is; after a command: what it takes"),
    ("--version", "the version"),
    ("--debug", "before a command: an error ends in a traceback"),
)


def roff(text: str) -> str:
    """Return a text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def filled(text: str) -> list[str]:
    """Return a text as lines of roff that are no longer than people's editors show."""
    return [roff(line) for line in textwrap.wrap(text, 72, break_long_words=False, break_on_hyphens=False)]


def tagged(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return a list of terms in bold, each with a text."""
    return [line for name, what in rows for line in (".TP", f".B {roff(name)}", *filled(what))]


def man_page() -> str:
    """Return ``sandbox-venv.1``, man(7)."""
    uses = [("", "[VENV] [BWRAP_OPTS]"), *((f" {usage.name}", usage.synopsis) for usage in COMMANDS)]
    lines = [f".B sandbox\\-venv{name}\n{roff(synopsis)}" for name, synopsis in uses]
    out = [
        f'.TH SANDBOX\\-VENV 1 "" "sandbox\\-venv {__version__}" "User Commands"',
        ".SH NAME",
        "sandbox\\-venv \\- run a Python venv's entry points in namespace sandboxes",
        ".SH SYNOPSIS",
        "\n.br\n".join(lines),
        ".SH DESCRIPTION",
        *filled(
            "Every entry point of a wrapped venv starts in a fresh Linux namespace sandbox: it sees its project, its "
            "venv, the libraries that it needs, and little else. It can write its project, a home and a cache of its "
            "own, but no file that tools outside obey. Without a command, VENV (default: .venv) is wrapped."
        ),
        ".SH OPTIONS",
        *tagged(GENERAL),
        ".SH COMMANDS",
    ]
    for usage in COMMANDS:
        out += [f".SS {usage.name} {roff(usage.synopsis)}", *filled(usage.text), *tagged(usage.options)]
        if usage.examples:
            out += [".PP", "Examples:", ".PP", ".nf", ".RS"]
            out += [roff(f"sandbox-venv {example}") for example in usage.examples]
            out += [".RE", ".fi"]
    out += [".SH BWRAP_OPTS", *filled("The options of bwrap(1), on either backend; they come after those of the")]
    out += [*filled("default policy, and win. Those that no sandbox takes are refused with the reason. And:")]
    out += tagged((name, what) for name, what in option_rows() if name.split()[0] in OWN)
    for title, rows in groups_of_names():
        out += [".PP", *filled(f"{title}:"), *tagged(rows)]
    out += [".SH SETTINGS", *filled(f"{SETTINGS} What loosens counts in the project's file once it is trusted.")]
    out += tagged((f"{key} ({kind})", what) for key, kind, what in setting_rows())
    sections = (("ENVIRONMENT", VARIABLES), ("EXIT STATUS", STATUSES), ("FILES", FILES))
    out += [line for title, rows in sections for line in (f".SH {title}", *tagged(rows))]
    return "\n".join([*out, ".SH SEE ALSO", ".BR bwrap (1),", ".BR python3 (1)", ""])


OWN = {
    "--lib": "show a library, by SONAME or path, with what it needs",
    "--allow": "let a group of system calls through (devel, numa, nested)",
    "--keep-fd": "leave a descriptor open",
    "--tool": "show a program of the host, with what it needs",
    "--shim": "show a program of the host, with what it needs, and a launcher of its name in the venv (wrap)",
    "--rlimit": "a resource limit of the program, NAME=SOFT[:HARD]",
    "--preset": "what a kind of program needs: vscode, pycharm, pipx, x11, wayland, gpu, desktop",
}
"""Options that bwrap(1) doesn't have."""

_PLACES = {
    "FD": "add-seccomp-fd block-fd keep-fd seccomp sync-fd",
    "GROUP": "allow",
    "SRC DEST": "bind bind-try dev-bind dev-bind-try ro-bind ro-bind-try symlink",
    "FD DEST": "bind-data bind-fd file ro-bind-data ro-bind-fd",
    "CAP": "cap-add cap-drop",
    "DIR": "chdir",
    "OCTAL PATH": "chmod",
    "DEST": "dev dir mqueue proc remount-ro ro-overlay tmp-overlay tmpfs",
    "GID": "gid",
    "NAME": "hostname lib preset unsetenv",
    "RWSRC WORKDIR DEST": "overlay",
    "SRC": "overlay-src",
    "OCTAL": "perms",
    "NAME=VALUE": "rlimit",
    "NAME VALUE": "setenv",
    "PROGRAM": "shim tool",
    "BYTES": "size",
    "UID": "uid",
}
ARGUMENTS = {f"--{name}": words for words, names in _PLACES.items() for name in names.split()}
"""What options take, in bwrap(1)'s words."""


def option_rows() -> list[tuple[str, str]]:
    """Return (option with its arguments, remark) of what BWRAP_OPTS may hold."""
    return [
        (
            f"{name} {ARGUMENTS.get(name, '')}".rstrip(),
            OWN.get(name, "every sandbox has it anyway" if name in ALWAYS else ""),
        )
        for name in sorted(ARITY)
    ]


def groups_of_names() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (what takes them, (name, what it is)) of what --preset and --allow name."""
    allowed = [(name, optout.why) for name, optout in load_policy().optouts.items()]
    return [("Presets, for --preset", list(presets.names().items())), ("Groups of system calls, for --allow", allowed)]


SETTINGS = (
    "In ~/.config/sandbox-venv/config.toml, and in [tool.sandbox-venv] of the project's pyproject.toml; in a table run "
    "or install there, for that kind of session alone; in a table entry.NAME, for the entry point NAME alone."
)


def setting_rows() -> list[tuple[str, str, str]]:
    """Return (key, kind of value, what it does) of the configuration files, from their schema."""
    kinds = {"boolean": "true or false", "array": "list", "object": "table"}
    rows = []
    for key, item in config_schema()["$defs"]["session"]["properties"].items():
        if "properties" not in item:
            rows.append((key, kinds[item["type"]], item["description"]))
        for name, inner in item.get("properties", {}).items():
            rows.append((f"{key}.{name}", kinds[inner["type"]], inner["description"]))
    return rows


def reference() -> str:
    """Return ``docs/reference.md``."""
    out = [
        "# Reference",
        "",
        "Made from the code by `python -m sandbox_venv.commands.manual docs`.",
        "",
        "## Commands",
        "",
    ]
    for usage in COMMANDS:
        out += [f"### {usage.name}", "", f"`sandbox-venv {usage.name} {usage.synopsis}`", "", usage.text, ""]
        if usage.options:
            out += ["| option | |", "|---|---|", *(f"| `{option}` | {what} |" for option, what in usage.options), ""]
        out += ["```console", *(f"$ sandbox-venv {example}" for example in usage.examples), "```", ""]
    out += ["## BWRAP_OPTS", "", "What each does is in bwrap(1).", "", "| option | |", "|---|---|"]
    own = {name: f"sandbox-venv's: {what}" for name, what in OWN.items()}
    out += [f"| `{option}` | {own.get(option.split()[0], what)} |" for option, what in option_rows()]
    out += ["", "Not taken:", "", "| option | why |", "|---|---|"]
    out += [f"| `{option}` | {why} |" for option, why in sorted(REFUSED.items())]
    for title, named in groups_of_names():
        out += ["", f"{title}:", "", "| | |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in named)]
    out += ["", "## Settings", "", *textwrap.wrap(f"{SETTINGS} More is in [configuration.md](configuration.md).", 120)]
    out += ["", "| key | value | |", "|---|---|---|"]
    out += [f"| `{key}` | {kind} | {what} |" for key, kind, what in setting_rows()]
    for title, rows in (("Environment variables", VARIABLES), ("Exit status", STATUSES), ("Files", FILES)):
        out += ["", f"## {title}", "", "| | |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in rows)]
    return "\n".join([*out, *json_section()]) + "\n"


def json_section() -> list[str]:
    """Return what the reference says of ``--json``."""
    out = [
        "",
        "## JSON output",
        "",
        "What `--json` prints. A key that is here stays; new ones may come. `[]` stands for",
    ]
    out += ["the items of a list, a flag is true or false. Errors are a line on standard error and the status 125."]
    for command, keys in FORMATS.items():
        out += ["", f"### {command} --json", "", "| key | value | |", "|---|---|---|"]
        out += [f"| `{key.path}` | {key.kind} | {key.meaning} |" for key in keys]
    return out


def main(folder: Path) -> None:
    """Write both into ``folder``."""
    folder.joinpath("sandbox-venv.1").write_text(man_page(), encoding="utf-8")
    folder.joinpath("reference.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
