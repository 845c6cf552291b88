"""The man page and the options reference, made from ``usage`` and the option tables (``python -m`` writes both)."""

from __future__ import annotations

import sys
from pathlib import Path

from .. import __version__
from ..plan.options import ALWAYS, ARITY, REFUSED
from ..policy.schema import config_schema
from ..usage import COMMANDS

VARIABLES = (
    ("BWRAP_ARGS", "More bubblewrap options for one process; split at newlines where there are some, else at spaces."),
    ("SANDBOX_SECCOMP_ALLOW", "The system calls to allow instead of the default list; empty switches the filter off."),
    ("SANDBOX_USE_PIP_CACHE", "Not empty: the user's own ~/.cache/pip is shown. A session can poison it."),
    ("SANDBOX_ENV", "Names (and PREFIX*) of variables to pass that would not pass otherwise."),
    ("VERBOSE", "Not empty: print the complete bwrap command line on standard error before it starts."),
    ("NO_COLOR", "Not empty: no colours."),
    ("XDG_STATE_HOME", "Where the trusted state is kept; looked up when wrapping, never at launch."),
)
STATUSES = (
    ("the program's own", "or death by the same signal"),
    ("125", "the sandbox could not be set up, and nothing ran; or the command line is wrong"),
    ("126", "the program is not executable"),
    ("127", "the program was not found"),
    ("1", "verify found a difference, status found a plain venv, doctor no way to make a sandbox"),
)
FILES = (
    ("VENV/bin/*", "launchers"),
    ("VENV/sandbox/bin/*", "the original entry points"),
    ("VENV/home, VENV/cache", "$HOME and ~/.cache inside"),
    ("PROJECT/pyproject.toml", "[tool.sandbox-venv]: the project's settings"),
    ("~/.config/sandbox-venv/config.toml", "the user's own settings"),
    ("$XDG_STATE_HOME/sandbox-venv", "the trusted state, by default in ~/.local/state"),
)


def roff(text: str) -> str:
    """Return a text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def man_page() -> str:
    """Return ``sandbox-venv.1``, man(7)."""
    out = [
        f'.TH SANDBOX\\-VENV 1 "" "sandbox\\-venv {__version__}" "User Commands"',
        ".SH NAME",
        "sandbox\\-venv \\- run every entry point of a Python venv in a fresh namespace sandbox",
        ".SH SYNOPSIS",
        *(f".B sandbox\\-venv {usage.name}\n{roff(usage.synopsis)}\n.br" for usage in COMMANDS),
        ".SH DESCRIPTION",
        "Every entry point of a wrapped venv starts in a fresh Linux namespace sandbox: it sees its project, its venv,",
        "the libraries that it needs, and little else. Without a command,",
        ".B sandbox\\-venv\n.RI [ VENV ]\nwraps.",
        ".SH COMMANDS",
    ]
    for usage in COMMANDS:
        out += [f".SS {usage.name}", roff(usage.text)]
        for option, what in usage.options:
            out += [".TP", f".B {roff(option)}", roff(what)]
        if usage.examples:
            out += [".PP", "Examples:", ".PP", ".nf", ".RS"]
            out += [roff(f"sandbox-venv {example}") for example in usage.examples]
            out += [".RE", ".fi"]
    for title, rows in (("ENVIRONMENT", VARIABLES), ("EXIT STATUS", STATUSES), ("FILES", FILES)):
        out.append(f".SH {title}")
        for name, what in rows:
            out += [".TP", f".B {roff(name)}", roff(what)]
    return "\n".join([*out, ".SH SEE ALSO", ".BR bwrap (1),", ".BR python3 (1)", ""])


def option_rows() -> list[tuple[str, str]]:
    """Return (option with its arguments, remark) of what BWRAP_OPTS may hold."""
    names = {0: "", 1: " ARG", 2: " ARG ARG", 3: " ARG ARG ARG"}
    own = {
        "--lib": "sandbox-venv's: show a library, by SONAME or path, with what it needs",
        "--allow": "sandbox-venv's: let a group of system calls through (devel, numa, nested)",
        "--keep-fd": "sandbox-venv's: leave a descriptor open",
        "--tool": "sandbox-venv's: show a program of the host, with what it needs",
        "--shim": "sandbox-venv's: the same, and a launcher of its name in the venv (wrap)",
        "--rlimit": "sandbox-venv's: a resource limit of the program, NAME=SOFT[:HARD]",
        "--preset": "sandbox-venv's: what a kind of program needs: vscode, pycharm, pipx, x11, wayland, gpu, desktop",
    }
    return [
        (name + names[count], own.get(name, "every sandbox has it anyway" if name in ALWAYS else ""))
        for name, count in sorted(ARITY.items())
    ]


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
    out += [f"| `{option}` | {what} |" for option, what in option_rows()]
    out += ["", "Not taken:", "", "| option | why |", "|---|---|"]
    out += [f"| `{option}` | {why} |" for option, why in sorted(REFUSED.items())]
    out += ["", "## Settings", "", "In `~/.config/sandbox-venv/config.toml`, in `[tool.sandbox-venv]` of the project's"]
    out += ["pyproject.toml; in a table `run` or `install` there, for that kind of session alone; in a table"]
    out += [
        "`entry.NAME`, for the entry point `NAME` alone. More is in [configuration.md](configuration.md).",
        "",
        "| key | value | |",
        "|---|---|---|",
    ]
    out += [f"| `{key}` | {kind} | {what} |" for key, kind, what in setting_rows()]
    for title, rows in (("Environment variables", VARIABLES), ("Exit status", STATUSES), ("Files", FILES)):
        out += ["", f"## {title}", "", "| | |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in rows)]
    return "\n".join(out) + "\n"


def main(folder: Path) -> None:
    """Write both into ``folder``."""
    folder.joinpath("sandbox-venv.1").write_text(man_page(), encoding="utf-8")
    folder.joinpath("reference.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
