"""``completion``: scripts for bash, zsh and fish, made from ``usage``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from ..errors import SandboxError, nearest
from ..plan.options import ARITY
from ..policy import presets
from ..seccomp.policy import load_policy
from ..usage import COMMANDS, OPTIONS, Usage
from .manual import OWN

SHELLS = ("bash", "zsh", "fish")
VALUES = {
    "--backend": ("auto", "bwrap", "native"),
    "--session": ("run", "install"),
    "--format": ("text", "json", "bwrap"),
    "--allow": tuple(load_policy().optouts),
    "--preset": tuple(presets.names()),
}
PLACES = ("--venv", "--project")
"""Options that take a directory."""


def flags_of(usage: Usage) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (option, what it does, its values where they are few) of a command, bubblewrap's options included."""
    found = [
        (words.split()[0], what, VALUES.get(words.split()[0], ()))
        for words, what in usage.options
        if words.startswith("--")
    ]
    if OPTIONS in usage.options:
        found += [(name, OWN.get(name, "bubblewrap's, bwrap(1)"), VALUES.get(name, ())) for name in sorted(ARITY)]
    return found


def quoted(text: str) -> str:
    """Return a text for single quotes of any of the shells."""
    return re.sub(r"['\\]", "’", text)


def bash() -> str:
    """Return the script for bash."""
    names = " ".join(usage.name for usage in COMMANDS)
    cases = []
    values = [(name, " ".join(words)) for name, words in (*VALUES.items(), ("completion", SHELLS))]
    few = "\n".join(
        f'        {name}) COMPREPLY=( $(compgen -W "{words}" -- "$current") ); return ;;' for name, words in values
    )
    for usage in COMMANDS:
        words = " ".join(name for name, _, _ in flags_of(usage))
        cases.append(f'        {usage.name}) words="{words}" ;;')
    return f"""\
# bash completion for sandbox-venv
_sandbox_venv() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" words="" word
    local bin="${{VIRTUAL_ENV:-.venv}}/bin"
    COMPREPLY=()
    if [[ "$previous" == "--" ]]; then
        mapfile -t COMPREPLY < <(compgen -c -f -- "$current"; cd "$bin" 2>/dev/null && compgen -f -- "$current")
        return
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ "$word" == "--" ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
        fi
    done
    if (( COMP_CWORD == 1 )); then
        mapfile -t COMPREPLY < <(compgen -W "{names} --help --version" -d -- "$current")
        return
    fi
    case "$previous" in
{few.lstrip()}
        {"|".join(PLACES)}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
{chr(10).join(cases)}
    esac
    if [[ "$current" == -* ]]; then
        COMPREPLY=( $(compgen -W "$words --help" -- "$current") )
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}}
complete -o filenames -F _sandbox_venv sandbox-venv
"""


def zsh() -> str:
    """Return the script for zsh."""
    commands = "\n".join(f"        '{usage.name}:{quoted(usage.summary)}'" for usage in COMMANDS)
    cases = []
    for usage in COMMANDS:
        specs = []
        for name, what, values in flags_of(usage):
            argument = f":value:({' '.join(values)})" if values else ":value:_files" if ARITY.get(name) else ""
            argument = ":directory:_files -/" if name in PLACES else argument
            brackets = str.maketrans("[]", "()")
            specs.append(f"'*{name}[{quoted(what).translate(brackets)}]{argument}'")
        rest = "'*:shell:(" + " ".join(SHELLS) + ")'" if usage.name == "completion" else "'*:file:_files'"
        cases.append(f"        {usage.name}) _arguments {' '.join([*specs, rest])} ;;")
    return f"""\
#compdef sandbox-venv
# zsh completion for sandbox-venv
_sandbox-venv() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        _files -/
        return
    fi
    local command=$words[2]
    local -i dashes=${{words[(I)--]}}
    if (( dashes && dashes < CURRENT )); then
        local -a entries
        entries=( ${{VIRTUAL_ENV:-.venv}}/bin/*(N:t) )
        if (( CURRENT == dashes + 1 )); then
            _alternative 'entries:entry point:compadd -a entries' 'commands:command:_path_commands' 'files:file:_files'
        else
            _files
        fi
        return
    fi
    shift words
    (( CURRENT-- ))
    case $command in
{chr(10).join(cases)}
    esac
}}
if [ "$funcstack[1]" = "_sandbox-venv" ]; then
    _sandbox-venv "$@"
else
    compdef _sandbox-venv sandbox-venv
fi
"""


def fish() -> str:
    """Return the script for fish."""
    lines = ["# fish completion for sandbox-venv"]
    first = "complete -c sandbox-venv -n __fish_use_subcommand"
    lines += [f"{first} -a {usage.name} -d '{quoted(usage.summary)}'" for usage in COMMANDS]
    for usage in COMMANDS:
        seen = f"-n '__fish_seen_subcommand_from {usage.name}'"
        for name, what, values in flags_of(usage):
            more = f" -xa '{' '.join(values)}'" if values else " -r" if ARITY.get(name) or name in PLACES else ""
            lines.append(f"complete -c sandbox-venv {seen} -l {name[2:]} -d '{quoted(what)}'{more}")
    lines.append(f"complete -c sandbox-venv -n '__fish_seen_subcommand_from completion' -xa '{' '.join(SHELLS)}'")
    started = "test (commandline -opc)[-1] = --"
    entries = "(set -q VIRTUAL_ENV; and set -l v $VIRTUAL_ENV; or set -l v .venv; string replace -r '.*/' '' $v/bin/*)"
    quotes = str.maketrans("'", '"')
    lines.append(f"complete -c sandbox-venv -n '{started}' -a '{entries.translate(quotes)}' -d 'entry point'")
    return "\n".join(lines) + "\n"


SCRIPTS: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def completion(words: list[str]) -> int:
    """Print the script of a shell."""
    if len(words) != 1 or words[0] not in SCRIPTS:
        close = nearest(words[0], list(SHELLS)) if words else None
        hint = f"did you mean {close}?" if close else "for example: sandbox-venv completion bash >> ~/.bash_completion"
        raise SandboxError(f"completion: a shell is needed, one of {', '.join(SHELLS)}", hint)
    sys.stdout.write(SCRIPTS[words[0]]())
    return 0
