"""The command line as data: `--help`, the man page and the shells' completions are made from it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

WIDTH = 80
"""Columns, and with 24 lines what every help text fits in."""

BACKEND = ("--backend NAME", "auto (default), bwrap or native")
PROJECT = ("--project DIR", "what is writable inside; default: the venv's parent")
SESSION = ("--session KIND", "run (default) or install")
JSON = ("--json", "print for programs")
OPTIONS = ("BWRAP_OPTS", "bwrap(1), and --lib --tool --shim --preset --rlimit --allow")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one command takes.

    Attributes:
        name: the command.
        synopsis: what follows the name.
        summary: in a line, for the list of commands.
        text: what it does.
        options: (option with its argument, what it does).
        examples: what follows `sandbox-venv` on example command lines.
        takes_venv: an argument is the path of a venv.
    """

    name: str
    synopsis: str
    summary: str
    text: str
    options: tuple[tuple[str, str], ...] = ()
    examples: tuple[str, ...] = ()
    takes_venv: bool = True


COMMANDS = (
    Usage(
        "wrap", "[VENV] [OPTIONS] [BWRAP_OPTS]", "from now on everything in VENV/bin starts in a sandbox",
        "Make every entry point of VENV (default: .venv) start in a sandbox. Wrapping again "
        "keeps the options given before, unless new ones are given.",
        (BACKEND, PROJECT, OPTIONS),
        ("wrap", "wrap path/to/.venv --ro-bind /srv/data /data --unshare-net", "wrap --lib libfoo.so.1 --allow devel"),
    ),
    Usage(
        "unwrap", "[VENV]", "put back what wrap found",
        "Put back what wrap found in VENV/bin (default: .venv), byte for byte.", (), ("unwrap",),
    ),
    Usage(
        "run", "[OPTIONS] [BWRAP_OPTS] -- COMMAND [ARGUMENT ...]",
        "run one command in a sandbox, nothing changed on disk",
        "Run one command in the sandbox of a venv: of VENV, else of $VIRTUAL_ENV, else of the "
        "nearest .venv from here upwards, else of the system's Python with this directory as "
        "the project. The venv need not be wrapped; it is not changed.",
        (("--venv VENV", "whose sandbox; empty: the system's Python"), BACKEND, PROJECT, SESSION, OPTIONS),
        ("run -- python app.py", "run --unshare-net --ro-bind /srv/data /data -- pytest"),
        takes_venv=False,
    ),
    Usage(
        "shell", "[VENV] [BWRAP_OPTS]", "an interactive shell in the sandbox",
        "Start a shell in the sandbox, to look around as a program would.", (OPTIONS,),
        ("shell", "shell --unshare-net"),
    ),
    Usage(
        "explain", "[VENV] [OPTIONS] [BWRAP_OPTS] [-- COMMAND]", "what a sandbox shows and enforces, with each reason",
        "Show what the sandbox of VENV (default: as for run) shows and enforces, and why.",
        (("--format FORM", "text (default), json or bwrap (runs, without seccomp)"), SESSION, BACKEND, OPTIONS),
        ("explain", "explain --format bwrap -- python app.py"),
    ),
    Usage(
        "why", "QUESTION ... [OPTIONS] [BWRAP_OPTS] [-- COMMAND]",
        "which rule decides, and which option would change it",
        "Say which rule decides about a PATH, lib:SONAME, env:NAME or syscall:NAME, and the "
        "shortest option that would change it. Options for paths are tried before they are shown. "
        "COMMAND asks for an entry point that has settings of its own.",
        (("--venv VENV", "whose sandbox (default: as for run)"), SESSION, JSON, OPTIONS),
        ("why ~/.ssh .git", "why lib:libcuda.so.1 env:OPENAI_API_KEY syscall:ptrace"),
        takes_venv=False,
    ),
    Usage(
        "status", "[VENV] [--json]", "is it on, what is enforced, what changed since",
        "Show whether VENV is wrapped, its backend, what is enforced, how old its plans are and "
        "what changed since, whether its launchers are in place, the options in force and where "
        "each came from, and what sessions left that deserves a look.",
        (JSON,), ("status", "status path/to/.venv --json"),
    ),
    Usage(
        "verify", "[VENV] [--json]", "are all launchers what wrap made; status 1 if not",
        "Compare every file in VENV/bin with what wrap made, and what they need with what is "
        "there. The exit status is 1 where something differs.",
        (JSON,), ("verify", "verify || sandbox-venv repair"),
    ),
    Usage(
        "repair", "[VENV]", "mend what verify found",
        "Write launchers again, wrap entry points that came by another way, compile plans anew. "
        "Options stay as they are.",
        (), ("repair",),
    ),
    Usage(
        "list", "[--json]", "all wrapped venvs", "List all wrapped venvs of this user.", (JSON,), ("list",),
        takes_venv=False,
    ),
    Usage(
        "ps", "[--json]", "running sandboxes",
        "List this user's running sandboxes: the pid outside (send signals to that one), the "
        "pid of the sandbox's PID 1 and its program as seen from outside, the entry point, its age.",
        (JSON,), ("ps",), takes_venv=False,
    ),
    Usage(
        "trust", "[VENV] [--yes]", "accept what the project's own files say about the sandbox",
        "Show what the project's .env (BWRAP_ARGS, SANDBOX_*) and pyproject.toml "
        "([tool.sandbox-venv]) say that loosens the sandbox, and what of it is new; ask; "
        "then accept it as it is now. Without a terminal to ask on, only --yes accepts. A session "
        "can change these files, so a changed one must be accepted again.",
        (("--yes", "don't ask"),), ("trust",),
    ),
    Usage(
        "doctor", "[--json] [--attack [VENV]]", "what this machine can do, and what to do about the rest",
        "Show what was probed on this machine, what is lost without it, and how to have it "
        "without weakening the machine. The exit status is 1 where no sandbox can be had, or "
        "where an attack came through.",
        (JSON, ("--attack", "try a safe set of attacks from inside VENV and count")),
        ("doctor", "doctor --attack", "doctor --json"), takes_venv=False,
    ),
    Usage(
        "completion", "bash|zsh|fish", "completion for a shell",
        "Print the completion script for a shell.", (),
        (
            "completion bash >> ~/.bash_completion",
            "completion zsh > ~/.zfunc/_sandbox-venv   # on $fpath",
            "completion fish > ~/.config/fish/completions/sandbox-venv.fish",
        ),
        takes_venv=False,
    ),
    Usage(
        "bwrap", "OPTS", "bubblewrap's own command line, in pure Python",
        "Do what bwrap(1) does, by direct system calls.", (), ("bwrap --ro-bind / / --unshare-pid --proc /proc -- sh",),
        takes_venv=False,
    ),
)  # fmt: skip

BY_NAME = {usage.name: usage for usage in COMMANDS}


def help_text(name: str) -> str:
    """Return what ``sandbox-venv NAME --help`` prints."""
    usage = BY_NAME[name]
    head = textwrap.wrap(f"usage: sandbox-venv {name} {usage.synopsis}", WIDTH - 2, subsequent_indent=" " * 8)
    lines = [*head, "", *textwrap.wrap(usage.text, WIDTH - 2)]
    if usage.options:
        width = max(len(option) for option, _ in usage.options) + 1
        lines += ["", *(f"  {option:{width}} {what}" for option, what in usage.options)]
    if usage.examples:
        lines += ["", "examples:", *(f"  sandbox-venv {example}" for example in usage.examples)]
    return "\n".join(lines) + "\n"


def overview() -> str:
    """Return what ``sandbox-venv --help`` prints."""
    lines = ["usage: sandbox-venv [VENV] [BWRAP_OPTS]          wrap VENV (default: .venv)"]
    lines += ["       sandbox-venv COMMAND ...", ""]
    lines += [f"  {usage.name:11} {usage.summary}" for usage in COMMANDS]
    lines += ["", "BWRAP_OPTS are bubblewrap's options, bwrap(1). COMMAND --help says more."]
    return "\n".join(lines) + "\n"
