"""What every plan has: namespaces, ``/proc``, ``/dev``, ``/tmp``, the user database, the environment."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from ..errors import SandboxError
from ..launch.call import CERTIFICATES
from ..policy import Policy
from ..seccomp import Program
from ..state import NOTHING
from .expose import is_below
from .options import UserOptions
from .subject import Subject

NAMESPACES = (
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--disable-userns",
    "--die-with-parent", "--cap-drop", "ALL",
)  # fmt: skip
MASKED = (
    "/proc/keys",
    "/proc/key-users",
    "/proc/kcore",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/latency_stats",
    "/proc/kallsyms",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/interrupts",
    "/proc/cmdline",  # boot parameters, credentials among them at times
    "/proc/bootconfig",
    "/proc/config.gz",
    "/proc/modules",
    "/proc/locks",
)
MASKED_FOR_ROOT = (
    "/proc/slabinfo",
    "/proc/vmallocinfo",
    "/proc/pagetypeinfo",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/kpagecgroup",
)
"""Closed to ordinary users anyway: a mount less for them."""
READ_ONLY = ("/proc/sys", "/proc/sysrq-trigger")
EMPTY = (
    "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi",
    "/proc/pressure",  # everybody may write there, and has the kernel watch the machine's load
)  # fmt: skip
"""Switches and facts of the machine's hardware: an empty directory over each."""

Line = tuple[tuple[str, ...], str]
"""Words of an option or slot, and the reason for it."""


class Request(NamedTuple):
    """What one compile is asked for.

    Attributes:
        kind: ``run`` or ``install``.
        variant: what of the caller's environment changes the plan (``launch.call.variant_of``).
        user: all the user's options, stored ones first.
        fresh: those of ``user.operations`` that are given in this call only.
        dotenv: variables from the project's ``.env``.
        cwd: what relative bind sources are relative to.
        backend, bwrap: what was chosen, and bwrap's path.
        files: what variables and the machine's settings name, with the reason.
        pip_cache: the user's own pip cache, to be mounted, or None.
        known: paths below the project that were protected before.
        own_plans: entry points that have settings, and so plans, of their own.
    """

    kind: str
    variant: bytes
    user: UserOptions
    dotenv: dict[str, str]
    cwd: str
    backend: str
    bwrap: str
    pip_cache: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    known: tuple[str, ...] = ()
    own_plans: tuple[str, ...] = ()


def opens_low_ports(flags: list[str]) -> bool:
    """Whether a user's options ask for root inside with CAP_NET_BIND_SERVICE alone, and a network of its own.

    ``--disable-userns`` makes a second user namespace in the one that owns the network's; a capability in the second
    has no say there (capabilities(7), user_namespaces(7)). For these options it isn't made: the seccomp filter forbids
    further ones all the same. Other capabilities would have a say in the mount namespace, too: for them it is made.
    """
    ids = [flags[at + 1] for at, word in enumerate(flags) if word == "--uid"] or [str(os.geteuid())]
    added = {flags[at + 1].lower() for at, word in enumerate(flags) if word == "--cap-add"}
    return ids[-1] == "0" and added == {"cap_net_bind_service"} and "--unshare-net" in flags


def set_up_lines(subject: Subject, request: Request, policy: Policy, seccomp: Program) -> list[Line]:
    """Return namespaces, ``/proc``, ``/dev``, ``/tmp`` and the user database."""
    nested = "nested" in request.user.allow
    low_ports = bool(seccomp.deny) and opens_low_ports(request.user.flags)
    words = [word for word in NAMESPACES[:-2] if not ((nested or low_ports) and word == "--disable-userns")]
    lines: list[Line] = [((word,), "namespaces, no privileges") for word in words]
    lines.append((NAMESPACES[-2:], "no capability"))
    if low_ports and "--gid" not in request.user.flags:  # another number than bwrap's own needs that namespace, too
        lines.append((("--gid", "0"), "so that the capability counts in the sandbox's own network"))
    if not seccomp.deny and not request.user.new_session:
        lines.append((("--new-session",), "without seccomp, so that the terminal can't be fed (TIOCSTI)"))
    lines.append((("--proc", "/proc"), "a fresh /proc"))
    lines += [(("--ro-bind-try", path, path), "closed for root too") for path in READ_ONLY if os.path.exists(path)]
    why = "says nothing about the machine"
    nothing = str(subject.folder / NOTHING)
    lines += [(("--ro-bind", nothing, path), why) for path in EMPTY if os.path.exists(path)]
    masked = (*MASKED, *MASKED_FOR_ROOT) if os.geteuid() == 0 else MASKED
    lines += [(("--ro-bind", "/dev/null", path), why) for path in masked if os.path.exists(path)]
    lines.append((("--dev", "/dev"), "a fresh /dev"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = str(memory * policy.tmp_share // 100 // 4096 * 4096)
    for path in ("/dev/shm", "/tmp"):  # noqa: S108 - the sandbox's own
        lines.append((("--size", size, "--perms", "1777", "--tmpfs", path), "private, in memory"))
    if any(operation.target == "/" for operation in request.user.operations):  # /var/tmp is a directory there
        lines.append((("--size", size, "--perms", "1777", "--tmpfs", "/var/tmp"), "private, in memory"))  # noqa: S108
    else:
        lines.append((("--symlink", "/tmp", "/var/tmp"), "private, in memory"))  # noqa: S108 - likewise
    for name in ("passwd", "group"):
        lines.append((("--ro-bind", str(subject.folder / name), f"/etc/{name}"), "only you and nobody"))
    return lines


def environment_rules(subject: Subject, request: Request, policy: Policy) -> list[bytes]:
    """Return the ENV section."""
    pairs = [("pass", os.fsdecode(name)) for name in CERTIFICATES]
    if request.kind == "install":
        pairs += [("pass", name) for name in policy.pass_env_install]
        pairs += [("drop", name) for name in policy.drop_env_install]
        pairs += [("set", item) for item in policy.set_env_install]
        if subject.venv:
            pairs.append(("set", f"UV_PROJECT_ENVIRONMENT={subject.venv}"))
    pairs += [("set", item) for item in policy.set_env]
    pairs.append(("set", f"HOME={subject.home}"))
    if subject.venv:
        pairs.append(("set", f"VIRTUAL_ENV={subject.venv}"))
    pairs += request.user.env
    pairs += [("dotenv", f"{name}={value}") for name, value in request.dotenv.items()]
    return [os.fsencode(item) for pair in pairs for item in pair]


def refuse_project(subject: Subject) -> None:
    """Refuse a project that would give the session the user's home or the whole system.

    Raises:
        SandboxError: with the option that chooses another directory.
    """
    project = os.path.realpath(subject.project)
    hint = "choose a directory of its own: --project DIR"
    if is_below(os.path.realpath(subject.home), project):
        raise SandboxError(f"use {subject.project} as the project: it holds your home directory", hint)
    try:
        status = os.stat(project)
    except OSError as error:
        raise SandboxError(f"use {subject.project} as the project: {error.strerror}", hint) from None
    if not stat.S_ISDIR(status.st_mode):
        raise SandboxError(f"use {subject.project} as the project: it isn't a directory", hint)
    if os.geteuid() == 0 and status.st_uid != 0:
        raise SandboxError(
            f"use {subject.project} as the project: it belongs to another user (uid {status.st_uid}) and you are root",
            "run sandbox-venv as that user",
        )
