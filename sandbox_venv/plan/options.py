"""The user's bubblewrap options: read, checked, sorted into what a plan does with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import SandboxError, nearest
from ..policy.presets import check_names
from .limits import parse_rlimit
from .values import check_option

BINDS = {
    "--bind": "rw", "--bind-try": "rw-try", "--ro-bind": "ro", "--ro-bind-try": "ro-try",
    "--dev-bind": "dev", "--dev-bind-try": "dev-try",
}  # fmt: skip
"""Options that bind SOURCE on TARGET."""

ARITY = {
    **dict.fromkeys(BINDS, 2),
    **dict.fromkeys(
        [
            "--unshare-all", "--share-net", "--unshare-user", "--unshare-user-try", "--unshare-ipc", "--unshare-pid",
            "--unshare-net", "--unshare-uts", "--unshare-cgroup", "--unshare-cgroup-try", "--clearenv",
            "--new-session", "--die-with-parent", "--disable-userns", "--assert-userns-disabled",
        ],
        0,
    ),
    **dict.fromkeys(
        [
            "--chdir", "--unsetenv", "--tmpfs", "--proc", "--dev", "--mqueue", "--dir", "--remount-ro", "--hostname",
            "--uid", "--gid", "--cap-add", "--cap-drop", "--perms", "--size", "--seccomp", "--add-seccomp-fd",
            "--sync-fd", "--block-fd", "--overlay-src", "--tmp-overlay", "--ro-overlay",
            "--keep-fd", "--lib", "--allow", "--tool", "--shim", "--rlimit", "--preset",
        ],
        1,
    ),
    **dict.fromkeys(
        ["--setenv", "--symlink", "--chmod", "--file", "--bind-data", "--ro-bind-data", "--bind-fd", "--ro-bind-fd"], 2
    ),
    "--overlay": 3,
}  # fmt: skip

HINT = "the options are those of bwrap(1), and: sandbox-venv run --help"

REFUSED = {
    "--args": "write the options themselves",
    "--argv0": "an entry point goes by its own name",
    "--lock-file": "bubblewrap's own PID 1 would hold the lock, and sandbox-venv has one of its own",
    "--as-pid-1": "sandbox-venv's own init is PID 1 (it forwards signals and the exit status)",
    "--info-fd": "sandbox-venv reads it itself", "--json-status-fd": "sandbox-venv reports the status itself",
    "--userns": "sandbox-venv makes its own namespaces", "--userns2": "sandbox-venv makes its own namespaces",
    "--pidns": "sandbox-venv makes its own namespaces", "--userns-block-fd": "sandbox-venv maps the ids itself",
    "--exec-label": "SELinux labels are not supported", "--file-label": "SELinux labels are not supported",
    "--level-prefix": "messages go to stderr as they are",
}  # fmt: skip

DESCRIPTORS = {
    "--file", "--bind-data", "--ro-bind-data", "--bind-fd", "--ro-bind-fd", "--seccomp", "--add-seccomp-fd",
    "--sync-fd", "--block-fd", "--keep-fd",
}  # fmt: skip
"""Options that name a descriptor of one call, so they make no sense at wrap time."""

MOUNTS = {
    **dict.fromkeys(BINDS, 1),
    "--tmpfs": 0, "--proc": 0, "--dev": 0, "--mqueue": 0, "--dir": 0, "--remount-ro": 0, "--symlink": 1, "--file": 1,
    "--bind-data": 1, "--ro-bind-data": 1, "--bind-fd": 1, "--ro-bind-fd": 1, "--chmod": 1, "--overlay": 2,
    "--tmp-overlay": 0, "--ro-overlay": 0,
}  # fmt: skip
"""Options that act on a path inside, and which of their arguments that path is."""

ALWAYS = {
    "--die-with-parent", "--disable-userns", "--unshare-user", "--unshare-user-try", "--unshare-pid", "--unshare-ipc",
    "--unshare-uts", "--unshare-cgroup", "--unshare-cgroup-try",
}  # fmt: skip
"""Options that every plan has anyway."""

PREFIXES = {"--perms", "--size", "--overlay-src"}
"""Options that belong to the next one."""


class Operation(NamedTuple):
    """One mount option of the user's with the prefixes before it.

    Attributes:
        words: the option and its arguments.
        prefix: words of ``--perms``, ``--size``, ``--overlay-src`` before it.
        target: the path inside, without a final slash.
    """

    words: tuple[str, ...]
    prefix: tuple[str, ...]
    target: str


@dataclass(slots=True)
class UserOptions:
    """The user's options, sorted.

    Attributes:
        operations: what acts on paths inside, in order.
        flags: namespaces, ids, capabilities and the like, as bubblewrap options in order.
        env: (rule, value) pairs: ``set`` NAME=VALUE, ``drop`` NAME or ``*``.
        chdir, libs, keep_fds: what those options say.
        tools: host programs to show (``--tool``, ``--shim``), absolute.
        rlimits: resource limits, ``number=soft:hard``, the last one of a number wins.
        presets: names of presets.
        admit, files, bus_calls: what presets say: variables that pass, those whose files are shown, the session bus.
        absent: what presets name and isn't there yet; the plan is stale once it is.
        share_net: ``--share-net`` was given: it undoes an ``--unshare-net`` of options before these.
        allow: groups of system calls that the seccomp policy lets through by name (``--allow devel``).
    """

    operations: list[Operation] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    env: list[tuple[str, str]] = field(default_factory=list)
    chdir: str | None = None
    libs: list[str] = field(default_factory=list)
    keep_fds: list[int] = field(default_factory=list)
    allow: set[str] = field(default_factory=set)
    tools: list[str] = field(default_factory=list)
    rlimits: list[str] = field(default_factory=list)
    presets: list[str] = field(default_factory=list)
    share_net: bool = False
    admit: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    bus_calls: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def merge(self, more: UserOptions) -> None:
        """Append options that come later, and win."""
        if more.share_net:
            self.flags = [flag for flag in self.flags if flag != "--unshare-net"]
        self.share_net |= more.share_net
        self.operations += more.operations
        self.flags += more.flags
        self.env += more.env
        self.libs += more.libs
        self.keep_fds += more.keep_fds
        self.tools += more.tools
        self.rlimits += more.rlimits
        self.presets += more.presets
        self.allow |= more.allow
        self.chdir = more.chdir or self.chdir

    @property
    def new_session(self) -> bool:
        """Tell whether the user asked for a session of its own."""
        return "--new-session" in self.flags


def split_words(text: str) -> list[str]:
    """Split ``$BWRAP_ARGS``: at newlines where there are any (arguments may hold spaces then), else at spaces."""
    parts = text.split("\n") if "\n" in text else text.split(" ")
    return [part for part in parts if part]


def cut_options(words: list[str], *, where: str) -> Iterator[tuple[str, ...]]:
    """Yield each option with its arguments.

    Raises:
        SandboxError: an unknown or refused option, a missing argument.
    """
    at = 0
    while at < len(words):
        word = words[at]
        if word in REFUSED:
            raise SandboxError(f"read options ({where}): {word} is not taken here: {REFUSED[word]}", HINT)
        if word not in ARITY:
            close = nearest(word, [*ARITY])
            hint = f"did you mean {close}?" if close else HINT
            if not word.startswith("-"):
                hint = "the venv's path comes before the options, a command after --"
            raise SandboxError(f"read options ({where}): unknown option {word!r}", hint)
        count = ARITY[word]
        if at + count >= len(words) + (count == 0):
            raise SandboxError(f"read options ({where}): {word} takes {count} argument{'s' * (count > 1)}", HINT)
        yield tuple(words[at : at + 1 + count])
        at += 1 + count


def sort_options(words: list[str], *, where: str, stored: bool = False) -> UserOptions:
    """Read the user's options.

    Args:
        words: options and arguments.
        where: what they came from, for messages.
        stored: they are kept with the venv, so options that name a descriptor are refused.
    """
    found = UserOptions()
    prefix: list[str] = []
    for option in cut_options(words, where=where):
        name = option[0]
        if stored and name in DESCRIPTORS:
            raise SandboxError(
                f"read options ({where}): {name} names a descriptor of one call", "give it in $BWRAP_ARGS of that call"
            )
        check_option(option, prefix, where)
        if name in PREFIXES:
            prefix += option
        elif name in MOUNTS:
            target = option[1 + MOUNTS[name]]
            if not target.startswith("/"):
                raise SandboxError(f"read options ({where}): {name}: {target!r} must be an absolute path", HINT)
            found.operations.append(Operation(option, tuple(prefix), os.path.normpath(target).replace("//", "/", 1)))
            prefix = []
        else:
            try:
                _sort_flag(found, option)
            except SandboxError as error:
                raise SandboxError(error.message.replace("options:", f"options ({where}):", 1), error.hint) from None
    if prefix:
        raise SandboxError(f"read options ({where}): {prefix[0]} must come before the option that it is for", HINT)
    return found


def _sort_flag(found: UserOptions, option: tuple[str, ...]) -> None:
    name = option[0]
    if name == "--setenv":
        found.env.append(("set", f"{option[1]}={option[2]}"))
    elif name == "--unsetenv":
        found.env.append(("drop", option[1]))
    elif name == "--clearenv":
        found.env.append(("drop", "*"))
    elif name == "--chdir":
        found.chdir = option[1]
    elif name == "--lib":
        found.libs.append(option[1])
    elif name in ("--tool", "--shim"):
        if not option[1].startswith("/"):
            hint = f"{name} $(command -v {option[1]})"
            raise SandboxError(f"read options: {name}: {option[1]!r} must be an absolute path here", hint)
        found.tools.append(option[1])
    elif name == "--rlimit":
        found.rlimits.append(parse_rlimit(option[1]))
    elif name == "--preset":
        found.presets += [item for item in option[1].split(",") if item]
        check_names(found.presets)
    elif name == "--allow":
        found.allow |= set(option[1].split(","))
    elif name == "--keep-fd":
        found.keep_fds.append(int(option[1]))
    elif name == "--unshare-all":
        found.flags.append("--unshare-net")  # all the others are unshared anyway
    elif name == "--share-net":
        found.share_net = True
        found.flags = [flag for flag in found.flags if flag != "--unshare-net"]
    elif name == "--seccomp":  # beside ours, which bwrap takes only in this form
        found.flags += ("--add-seccomp-fd", option[1])
    elif name not in ALWAYS:
        found.flags += option
