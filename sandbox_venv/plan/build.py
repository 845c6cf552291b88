"""Compile the plan that a launcher asks for, and store it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .. import probe
from ..elf import FactsCache
from ..errors import SandboxError, shown
from ..namespaces import find_obstacle
from ..policy import Policy, read_policy
from ..policy.presets import read_presets
from ..seccomp import compile_seccomp
from ..state import StateDir, read_regular
from ..venv.inspect import inspect_venv
from ..venv.record import Record
from .basics import Request, refuse_project
from .compile import Compiled, compile_plan
from .dotenv_file import DotEnv, read_dotenv
from .expose import is_below
from .named import PIP_SETTINGS, named_paths
from .options import UserOptions, sort_options, split_words
from .portal import PROXY_PATHS
from .progress import say_once
from .protected import recall
from .settings import read_settings, say_ignored, stamped, user_path
from .subject import Base, Subject

NO_VENV = Path("/")
"""A record's ``venv`` where there is none: the system's Python with the current directory as the project."""

SAFE_MOUNT_POINTS = (0, 12)
"""bwrap from this version on never follows a link in a mount point (CVE-2026-87766)."""

STEERING = ("PIP_", "UV_", "PYTHON", "LD_", "PATH", "GIT_", "POETRY_", "PDM_", "PIPENV_", "HTTP", "http")
"""Names (or their starts) that steer an installer: said where they are left out."""


@dataclass(frozen=True, slots=True)
class Call:
    """What of a call changes the plan: ``launch.call.variant_of`` taken apart."""

    bwrap_args: str = ""
    options: tuple[str, ...] = ()
    seccomp: str | None = None
    pip_cache: bool = False
    backend: str = ""
    cwd: str = "/"
    files: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


def read_variant(variant: bytes) -> Call:
    """Return what ``variant`` says."""
    values: dict[str, str] = {}
    for item in variant.split(b"\1") if variant else []:
        name, _, value = os.fsdecode(item).partition("=")
        values[name] = value
    options = values.get("OPTIONS")
    return Call(
        bwrap_args=values.get("BWRAP_ARGS", ""),
        options=tuple(options.split("\2")) if options else (),
        seccomp=values.get("SANDBOX_SECCOMP_ALLOW"),
        pip_cache=bool(values.get("SANDBOX_USE_PIP_CACHE")),
        backend=values.get("BACKEND", ""),
        cwd=values.get("CWD", "/"),
        entries=tuple(values["ENTRY"].split("\2")) if "ENTRY" in values else (),
        files=tuple(item for name in ("FILES", "PACKAGES") if name in values for item in values[name].split("\2")),
    )


def base_of(record: Record) -> Base:
    """Return the base interpreter with the names that links reach it by."""
    info = record.base
    names = [os.fspath(path) for path, _ in info.links]
    names += [target for _, target in info.links if target.startswith("/")]
    for path, _ in info.links:  # a link to a directory on the way: uv's cpython-3.12-linux-x86_64-gnu
        real = os.path.realpath(path)
        if is_below(str(info.executable), real) and real not in ("/", str(info.executable)):
            names.append(str(path) + str(info.executable)[len(real) :])
    return Base(
        executable=str(info.executable),
        prefix=str(info.prefix),
        version=info.version,
        stdlib=str(info.stdlib),
        dynload=str(info.lib_dynload or info.stdlib),
        names=tuple(names),
    )


def subject_of(record: Record, state: StateDir) -> Subject:
    """Return what the record's plans are for.

    Raises:
        SandboxError: the venv is gone or broken.
    """
    wrapped = record.folder.parent == state.registry_dir
    others = tuple(str(other.venv) for other in state.registry() if other.venv != record.venv)
    config = str(user_path(record).parent)
    kept = () if is_below(config, str(record.project)) else (config,)  # where a session writes it, it doesn't count
    trusted = (str(state.root), *kept, *((str(record.code), str(record.interpreter)) if wrapped else ()))
    shared = {
        "folder": record.folder, "project": str(record.project), "home": str(record.home),
        "private_home": str(record.private_home), "private_cache": str(record.private_cache),
        "base": base_of(record), "backend": record.backend, "options": record.options, "other_venvs": others,
        "trusted": trusted, "wrapped": wrapped,
    }  # fmt: skip
    if record.venv == NO_VENV:
        folder = str(record.base.executable.parent)
        return Subject(venv=None, bin=folder, originals=None, system_site=True, **shared)  # type: ignore[arg-type]
    if not os.path.isdir(record.venv):
        raise SandboxError(
            f"open venv {str(record.venv)!r}: it isn't there any more",
            "if it was moved: a venv works only where it was made; make it anew in its new place, and wrap it there",
        )
    info = inspect_venv(record.venv, project=record.project, record=record)
    return Subject(
        venv=str(record.venv),
        bin=str(record.venv / "bin"),
        originals=str(info.originals) if wrapped else None,
        site=tuple(str(path) for path in info.site_packages),
        system_site=info.system_site,
        **shared,  # type: ignore[arg-type]
    )


def user_options(record: Record, call: Call, dotenv_args: str, settings: UserOptions) -> tuple[UserOptions, int]:
    """Return all of the user's options, and how many operations at the end are of this call only.

    In order: the configuration files', the stored ones, ``.env``'s (trusted), the call's.
    """
    found = UserOptions()
    found.merge(settings)
    found.merge(sort_options(list(record.options), where="wrap", stored=True))
    lasting = len(found.operations)
    words = [*split_words(dotenv_args), *split_words(call.bwrap_args)]
    found.merge(sort_options(words, where="BWRAP_ARGS"))
    found.merge(sort_options(list(call.options), where="command line"))
    return found, len(found.operations) - lasting


def choose_backend(wanted: str, subject: Subject, user: UserOptions, fresh: int) -> tuple[str, str]:
    """Return (backend, path of bwrap), probed.

    Args:
        wanted: ``auto``, ``bwrap`` or ``native``.
        subject: what is sandboxed.
        user: the user's options.
        fresh: how many of its operations, from the end, are of this call only: mount points of theirs aren't pinned
            in sessions that run already.

    Raises:
        SandboxError: what was asked for doesn't work here.
    """
    path = probe.find_bwrap() or ""
    if wanted == "native":
        if obstacle := find_obstacle():
            raise SandboxError(f"start a sandbox: {obstacle}", obstacle.remedy)
        return "native", path
    problem = probe.try_bwrap()
    if wanted == "bwrap":
        if problem:
            raise _no_bwrap(problem, path)
        return "bwrap", path
    unsafe = ""
    roots = [subject.project, subject.home]
    for operation in user.operations[len(user.operations) - fresh :] if fresh else []:
        if probe.bwrap_version() < SAFE_MOUNT_POINTS and any(is_below(operation.target, root) for root in roots):
            unsafe = f"bwrap before 0.12 is not safe with a mount point at {operation.target}"
    # Every plan has mount points below what sessions write. Pins and init's check make these safe with an older bwrap
    # too, but where there is a choice, the backend that never looks a mount point up by its path is taken.
    if not problem and probe.bwrap_version() >= SAFE_MOUNT_POINTS:
        return "bwrap", path
    obstacle = find_obstacle()
    if not obstacle:
        return "native", path
    if not problem and not unsafe:
        return "bwrap", path
    raise SandboxError(f"start a sandbox: {unsafe + '; native: ' if unsafe else ''}{obstacle}", obstacle.remedy)


def _no_bwrap(problem: str, path: str) -> SandboxError:
    """Return why bwrap can't be used: what forbids namespaces to every program, or what it says itself."""
    obstacle = find_obstacle() if path else None
    if obstacle:
        return SandboxError(f"start a sandbox: {obstacle}", obstacle.remedy)
    hint = "--backend native works here" if path else "apt install bubblewrap, or --backend native"
    return SandboxError(f"use bwrap: {problem.removeprefix('bwrap: ')}", hint)


def trusted_dotenv(record: Record, dotenv: DotEnv, kind: str) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Return variables of ``.env``: plain ones that count, those that loosen the sandbox, names of such as don't count.

    A session may have written that file. So only one that was trusted outside loosens anything, or has a say in an
    install session, which may write what a run session may not.
    """
    try:
        known = read_regular(record.folder / "trusted-env", 1 << 16, own=True).decode("ascii", "replace").split()
    except (OSError, ValueError):
        known = []
    if dotenv.digest in known:
        return dotenv.variables, dotenv.control, ()
    ignored = sorted(dotenv.control)
    if kind == "install":
        ignored += sorted(name for name in dotenv.variables if name.startswith(STEERING))
    if ignored:
        names = ", ".join(shown(name[:80]) for name in ignored)
        say_once(f"sandbox-venv: warning: {record.project}/.env sets {names}: ignored (to accept: sandbox-venv trust)")
    return ({} if kind == "install" else dotenv.variables), {}, dotenv.mentioned


def prepare(
    record: Record, state: StateDir, kind: str, variant: bytes, facts: FactsCache | None
) -> tuple[Subject, Compiled]:
    """Compile one plan of a record, without storing it.

    Raises:
        SandboxError: as the parts say.
    """
    subject = subject_of(record, state)
    refuse_project(subject)
    call = read_variant(variant)
    dotenv = read_dotenv(f"{subject.project}/.env")
    if dotenv.problem:
        say_once(f"sandbox-venv: warning: {subject.project}/.env is ignored: {dotenv.problem}")
    variables, control, refused = trusted_dotenv(record, dotenv, kind)
    settings = read_settings(record, kind, call.entries)
    say_ignored(record, settings)
    user, fresh = user_options(record, call, control.get("BWRAP_ARGS", ""), settings.options)
    backend, bwrap = choose_backend(call.backend or subject.backend, subject, user, fresh)
    allow = call.seccomp if call.seccomp is not None else control.get("SANDBOX_SECCOMP_ALLOW")
    seccomp = compile_seccomp(allow=allow, optouts=frozenset(user.allow))
    request = Request(
        kind=kind, variant=variant, user=user, dotenv=variables, cwd=call.cwd, backend=backend, bwrap=bwrap,
        files=tuple(named_paths(subject, kind, call.files)),
        known=tuple(recall(record.folder, subject.project)),
        own_plans=tuple(settings.entries),
        pip_cache=_pip_cache(subject) if call.pip_cache or control.get("SANDBOX_USE_PIP_CACHE") else None,
    )  # fmt: skip
    stamps = [str(record.folder / "trusted-env"), str(record.code), *(PIP_SETTINGS if kind == "install" else ())]
    stamps += stamped(record, settings)
    stamps += [name for path in user.tools for name in (path, os.path.realpath(path))]
    policy = add_presets(user, read_policy(), subject)
    stamps += [*user.absent, *(PROXY_PATHS if user.bus_calls else ())]
    compiled = compile_plan(subject, request, policy, seccomp, facts, stamps)
    if backend == "bwrap" and probe.mount_api() and not find_obstacle():
        compiled.plan.meta[b"shelter"] = b"1"  # launch/shelter.py
    if refused:
        compiled.plan.meta[b"refused-env"] = os.fsencode(" ".join(refused))
    return subject, compiled


def add_presets(user: UserOptions, policy: Policy, subject: Subject) -> Policy:
    """Add what the presets say to the options and the policy; return that.

    A script in the project starts no install session, whatever its name: sessions write there.

    Raises:
        SandboxError: there is no such preset.
    """
    if not user.presets:
        return policy
    preset = read_presets(user.presets, subject.home)
    user.libs += preset.libs
    user.operations = sort_options(preset.options, where="preset").operations + user.operations
    user.admit, user.files, user.bus_calls, user.absent = preset.admit, preset.files, preset.bus_calls, preset.absent
    scripts = [item for item in preset.installers if not is_below(item.removeprefix("file "), subject.project)]
    return policy._replace(show=(*policy.show, *preset.show), installers=(*policy.installers, *scripts))


def _pip_cache(subject: Subject) -> str:
    path = os.path.join(subject.home, ".cache", "pip")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return os.path.realpath(path)
