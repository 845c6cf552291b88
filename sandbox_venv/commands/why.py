"""``why``: which rule decides about a path, a library, a variable or a system call, and what would change it."""

from __future__ import annotations

import copy
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import SandboxError, nearest
from ..launch import environ
from ..run import Asked, parse
from .answer import Answer
from .common import GREEN, RED, YELLOW, Opened, fold, open_plan, paint, say, say_json, take_flag
from .filters import answer
from .why_path import why_path

KINDS = ("lib", "env", "syscall")


def find_library(name: str, opened: Opened) -> Answer | None:
    """Return the answer for a library that the plan shows or refuses, None where it says nothing of it."""
    closure = opened.compiled.system.closure
    for library in closure.libraries:
        names = {library.soname, *(os.path.basename(path) for path in (library.path, library.real, *library.links))}
        if name in names or name in (library.path, library.real):
            rule = f"needed by {', '.join(library.needed_by)}"
            return Answer(name, "visible", True, rule, [f"{library.path} (file: {library.real})"])
    for path, by, reason in closure.refused:
        if os.path.basename(path) == name:
            return Answer(name, "refused", False, f"{path}, needed by {by}: {reason}")
    needing = [by for missing, by in closure.missing if missing == name]
    if needing:
        rule = f"needed by {needing[0]}, and not on this machine"
        return Answer(name, "not found", False, rule, [f"outside {needing[0]} can't load it either"])
    for path in closure.interpreters:
        if os.path.basename(path) == name:
            return Answer(name, "visible", True, "the dynamic loader of the programs shown", [path])
    for folder in opened.subject.site:
        for top, _folders, files in os.walk(folder):
            if name in files:
                return Answer(name, "visible", True, "in the venv, which is shown whole", [f"{top}/{name}"])
    return None


def why_library(name: str, asked: Asked, opened: Opened) -> Answer:
    """Answer for a library by SONAME or file name."""
    found = find_library(name, opened)
    if found:
        return found
    rule = "nothing that is shown needs it (a program may open it by name only when it runs)"
    result = Answer(name, "not visible", False, rule)
    other = copy.copy(asked)
    other.options = [*asked.options, "--lib", name]
    try:
        then = find_library(name, open_plan(other))
    except SandboxError as error:
        result.details.append(f"can't show it: {error.message}")
        return result
    if then is not None and then.good:
        result.options.append(("show it with what it needs", f"--lib {shlex.quote(name)}"))
        return result
    result.details.append("on this machine no library is found by that name")
    stem = name.partition(".so")[0] + ".so"
    close = [library.soname for library in opened.compiled.system.closure.libraries if library.soname.startswith(stem)]
    if close:
        result.details.append(f"did you mean lib:{close[0]}?")
    return result


def why_variable(name: str, _: Asked, opened: Opened) -> Answer:
    """Answer for an environment variable, with its value in this process where it has one."""
    if "=" in name or any(char.isspace() for char in name):
        raise SandboxError(f"why env:{name}: no variable has such a name", "the name alone: sandbox-venv why env:HOME")
    key = os.fsencode(name)
    rules = opened.compiled.plan.env
    pairs = list(zip(rules[::2], rules[1::2], strict=True))
    result = Answer(name, "isn't passed", False, "")
    found = ""
    for rule, value in pairs:
        if rule in (b"set", b"dotenv") and value.partition(b"=")[0] == key:
            found = "the project's .env sets it" if rule == b"dotenv" and not found.startswith("set ") else found
            if rule == b"set":
                found = f"set by the plan or an option: {os.fsdecode(value)}"
        elif rule == b"drop" and environ.matches(key, value):
            found = f"dropped by an option: --unsetenv {os.fsdecode(value)}"
    if found:
        dropped = found.startswith("dropped")
        result.verdict, result.good, result.rule = "dropped" if dropped else "set", not dropped, found
        result.options = [("another value", f"--setenv {name} VALUE")]
        if not dropped:
            result.options.append(("take it away", f"--unsetenv {name}"))
        return result
    value = os.environb.get(key, b"")
    passes = [rule for rule, pattern in pairs if rule == b"pass" and environ.matches(key, pattern)]
    by_name = key in environ.ALLOWED or key.startswith(b"LC_") or bool(passes)
    if environ.is_control(key):
        result.rule = "it is an order to sandbox-venv itself; programs never see it"
        return result
    if key in environ.NEVER:
        result.rule = "the shell's own affair, wrong in another process"
    elif environ.is_secret(key, value):
        result.rule = "it looks like a secret, or points at the host's session: passes only where it is named"
    elif by_name:
        result.verdict, result.good, result.rule = "passed", True, "on the list of names that pass, whoever set them"
        result.options = [("take it away", f"--unsetenv {name}")]
        return result
    else:
        result.verdict, result.good = "passes only when given to one process", None
        result.rule = f"{name}=VALUE .venv/bin/python passes; what was exported before doesn't"
    result.options = [("pass it, this call", f'SANDBOX_ENV="{name}"'), ("set it", f"--setenv {name} VALUE")]
    return result


def why_call(name: str, _: Asked, opened: Opened) -> Answer:
    """Answer for a system call: by the plan's own compiled filters."""
    from ..seccomp import library as lib
    from ..seccomp.compiler import MACHINES
    from ..seccomp.policy import load_policy

    policy, machine = load_policy(), os.uname().machine
    library = lib.load_library()
    arch = getattr(library.Arch, MACHINES[machine])
    numbers = policy.numbers | (policy.numbers_x86_64 if machine == "x86_64" else {})
    number = lib.resolve(library, name, arch, numbers)
    if number == lib.UNKNOWN:
        close = nearest(name, sorted(set(lib.known_names(library, arch, numbers))))
        raise SandboxError(
            f"why syscall:{name}: there is no system call of that name",
            f"did you mean {close}?" if close else "the names are those of syscalls(2)",
        )
    if number < 0:
        return Answer(name, "not on this machine", False, f"{machine} has no such call")
    seccomp = opened.compiled.seccomp
    if not seccomp.allow:
        return Answer(name, "allowed", True, "the filter is switched off (SANDBOX_SECCOMP_ALLOW=)")
    verdict = answer(seccomp.allow, number)
    verdict = answer(seccomp.deny, number) if verdict == "allowed" else verdict
    conditions = [item.why for item in _conditions() if item.call == name]
    result = Answer(name, verdict, verdict == "allowed", _call_rule(name, verdict), conditions)
    if conditions:
        result.verdict, result.good, result.rule = "allowed with some arguments", None, "the arguments decide"
    groups = [group for group, optout in policy.optouts.items() if name in optout.allow]
    result.options = [(f"for {policy.optouts[group].why}", f"--allow {group}") for group in groups if not result.good]
    if not result.good and not groups:
        result.details.append("no --allow group has it: SANDBOX_SECCOMP_ALLOW would replace the whole list")
    return result


@dataclass(frozen=True, slots=True)
class Condition:
    """A call that is judged by its arguments, and why."""

    call: str
    why: str


def _conditions() -> list[Condition]:
    import tomllib
    from importlib import resources

    data = tomllib.loads(resources.files("sandbox_venv.seccomp").joinpath("policy.toml").read_text(encoding="utf-8"))
    found = [Condition(entry["call"], entry["why"]) for entry in data["argument"]]
    return found + [Condition(call, entry["why"]) for entry in data["deny"] for call in entry["calls"]]


def _call_rule(name: str, verdict: str) -> str:
    from ..seccomp.policy import load_policy

    policy = load_policy()
    if name in policy.absent:
        return f"kept out on purpose: {policy.absent[name]}"
    if verdict == "allowed":
        return "on the list of allowed calls"
    if name in policy.refuse:
        return f"refused by name ({verdict}): programs expect that and go on without"
    return f"not on the list: {verdict}, as from a kernel that doesn't know it"


def why(words: list[str]) -> int:
    """Run the command."""
    as_json = take_flag(words, "--json")
    questions: list[str] = []
    while words and not words[0].startswith("-"):
        questions.append(words.pop(0))
    asked = parse(words, need_command=False)
    if not questions:
        hint = "for example: sandbox-venv why ~/.ssh lib:libcuda.so.1 env:HOME syscall:ptrace"
        raise SandboxError("why: nothing is asked about", hint)
    opened = open_plan(asked)
    answers = [_answer(question, asked, opened) for question in questions]
    if as_json:
        say_json([_as_data(item) for item in answers])
    else:
        for item in answers:
            _show(item)
    return 0


def _as_data(item: Answer) -> dict[str, Any]:
    return {**asdict(item), "options": [{"what": what, "how": how} for what, how in item.options]}


def _answer(question: str, asked: Asked, opened: Opened) -> Answer:
    kind, colon, name = question.partition(":")
    ways: dict[str, Callable[[str, Asked, Opened], Answer]] = {
        "lib": why_library,
        "env": why_variable,
        "syscall": why_call,
    }
    if not colon or os.path.lexists(question):
        return why_path(question, asked, opened)
    if kind not in ways or not name:
        close = nearest(kind, list(KINDS))
        hint = (
            f"did you mean {close}:{name}?"
            if close
            else f"ask for a path, or {', '.join(f'{kind}:…' for kind in KINDS)}"
        )
        raise SandboxError(f"why {question}: {kind!r} is no kind of thing", hint)
    return ways[kind](name, asked, opened)


def _show(item: Answer) -> None:
    colour = {True: GREEN, False: RED, None: YELLOW}[item.good]
    say(f"{item.asked}: {paint(item.verdict, colour)}")
    for title, text in (("rule", item.rule), *(("note", line) for line in item.details)):
        for line in fold(f"  {title}: ", text):
            say(line)
    for what, how in item.options:
        say(f"  to {what}: {how}" if not what.startswith(("for ", "another")) else f"  {what}: {how}")
