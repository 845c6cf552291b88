"""After a failure, what to do (cold): a start that failed, or a program that was given what isn't visible inside."""

from __future__ import annotations

import contextlib
import errno
import os

from .launch import outside
from .launch.failure import LaunchError, complain, hint_for
from .launch.planfile import Plan
from .namespaces import find_obstacle
from .plan.store import drop_records

MOST = 3


def is_visible(plan: Plan, path: bytes) -> bool:
    """Tell whether the plan shows ``path`` under its own name: what is made in a session isn't known here."""
    if outside.is_shown(plan, path) or path.startswith(outside.INSIDE_ITS_OWN):
        return True
    mounts = [item for item in (*plan.base, *plan.slots[2::3]) if item[:1] == b"/" and item != b"/"]
    hidden = (b"/tmp", plan.meta[b"home"])
    return path in hidden or any(
        path == item or path.startswith(item + b"/") for item in mounts if item not in (*hidden, b"/var/tmp")
    )


def missing_arguments(plan: Plan, argv: list[bytes], cwd: bytes, shown: bytes) -> list[bytes]:
    """Return the arguments, as absolute paths, that name what exists on the host alone."""
    found: list[bytes] = []
    for word in argv[1:]:
        value = word.partition(b"=")[2] if word[:1] == b"-" else word
        if b"/" not in value:
            continue
        path = os.path.normpath(os.path.join(cwd, value))
        if path != shown and path not in found and not is_visible(plan, path) and os.path.exists(path):
            found.append(path)
    return found


def has_company(script: bytes) -> bool:
    """Tell whether other Python code lies beside a script: what it may import."""
    try:
        with os.scandir(os.path.dirname(script)) as items:
            return any(
                item.path != script and (item.name.endswith(b".py") or os.path.exists(item.path + b"/__init__.py"))
                for item in items
            )
    except OSError:
        return False


def why_not_shown(script: bytes) -> bytes:
    """Return why a main script outside the project isn't shown, b"" where it is or isn't on the host either."""
    opened = outside.open_script(script)
    if opened:
        os.close(opened[0])
        return b""
    if not os.path.exists(script):
        return b""
    if os.path.isdir(script):
        return b"it is a directory"
    if os.path.realpath(script) != script:
        return b"a link leads to it"
    return b"it is neither yours nor root's, or no regular file"


def bind_option(path: bytes) -> bytes:
    """Return what makes ``path`` visible, as it is typed."""
    if b" " in path:
        return b"sandbox-venv run --ro-bind '%s' '%s' -- ..." % (path, path)
    return b"BWRAP_ARGS='--ro-bind %s %s'" % (path, path)


def hint_unseen(plan: Plan, argv: list[bytes], cwd: bytes, code: int) -> None:
    """Write one hint line to stderr where a failed program was given something that isn't visible inside."""
    script = outside.find_script(plan, argv, cwd)
    unseen = missing_arguments(plan, argv, cwd, script)
    if script and os.path.exists(script) and not (os.path.isdir(script) and is_visible(plan, script)):
        reason = why_not_shown(script)
        if script.startswith(plan.meta[b"home"] + b"/.cache/"):
            reason = b"it lies in a cache"
        folder = script if os.path.isdir(script) else os.path.dirname(script)
        if reason:
            text = b"%s isn't visible inside (%s); to show it: %s" % (script, reason, bind_option(folder))
        elif unseen:
            text = b""
        elif code == 1 and has_company(script):
            text = b"of %s only %s is visible inside; to show the rest: %s"
            text %= (folder, os.path.basename(script), bind_option(folder))
        else:
            return
        if text:
            _write(text)
            return
    for path in unseen[:MOST]:
        _write(b"%s isn't visible inside; to show it: %s" % (path, bind_option(path)))


def no_namespaces(line: bytes) -> LaunchError:
    """Return the error for namespaces that can't be made: what forbids them, or ``line``."""
    obstacle = find_obstacle()
    if obstacle is None:
        return LaunchError(b"native: " + line, hint_for(OSError()))
    return LaunchError(os.fsencode(f"start a sandbox: {obstacle}"), os.fsencode(obstacle.remedy))


def find_planted(plan: Plan | None) -> bytes:
    """Return a link where a mount point must be, below what sessions write: one of them made it. b"" where none is."""
    slots = list(zip(plan.slots[::3], plan.slots[1::3], plan.slots[2::3], strict=False)) if plan else []
    roots = sorted(((target, source) for kind, source, target in slots if kind[:2] == b"rw"), reverse=True)
    for _, _, point in slots:
        target, path = next((root for root in roots if point.startswith(root[0] + b"/")), (b"", b""))
        for part in point[len(target) + 1 :].split(b"/") if path else ():
            path += b"/" + part
            if os.path.islink(path):
                return path
    return b""


def hint_at(number: int, plan: Plan | None) -> bytes:
    """Return what to do about a set-up that failed with that errno."""
    planted = find_planted(plan)
    return b"a session may have made a link there: rm %s" % planted if planted else hint_for(OSError(number, ""))


def obstacle_hint() -> bytes:
    """Return what forbids namespaces and what to do about it, b"" where nothing does."""
    obstacle = find_obstacle()
    return os.fsencode(f"{obstacle}; {obstacle.remedy}") if obstacle else b""


def hint_failed_start(number: int, plan: Plan | None) -> None:
    """Write the hint line after a set-up that failed with that errno and has said so itself."""
    _write(obstacle_hint() or hint_at(number, plan))


PASSING = (4, 5, 11, 12, 23, 24, 28, 87, 116)
"""Errors that say nothing about what this machine can do: EINTR, EIO, EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC, EUSERS,
ESTALE."""


def hint_failed_records(path: bytes, number: int) -> None:
    """Write the hint line after a start by the records of the plan at ``path`` that failed with that errno.

    Where this machine may refuse something that only they need, the next start goes by the plan's options.
    """
    obstacle = obstacle_hint()
    if obstacle:
        _write(obstacle)
    elif number == errno.ENOSPC:
        _write(b"a limit is reached: see /proc/sys/user/max_*_namespaces and /proc/sys/fs/mount-max")
    elif number not in PASSING and drop_records(path):
        _write(b"try again: the next start goes another way, a little slower; what is amiss here: sandbox-venv doctor")
    else:
        _write(hint_for(OSError(number, "")))


def say_failed_set_up(path: bytes, plan: Plan | None, number: int, step: bytes, about: bytes) -> None:
    """Say that the C launcher failed, at a step in the words of its source, e.g. ``sys(mount, kind, …)``."""
    if not step:
        say_ended_early(plan)
        return
    call = step.removeprefix(b"sys6(NR_").removeprefix(b"sys(").partition(b"(")[0].partition(b",")[0].strip(b")")
    if number == errno.ESTALE:
        complain(
            b"check mount /%s: it is not what was opened" % about.lstrip(b"/"), b"try again: it was changed meanwhile"
        )
        return
    where = b"/" + about.lstrip(b"/") if about else b"sandbox"
    complain(b"set up %s: %s: %s" % (where, call, os.strerror(number).encode()))
    hint_failed_records(path, number)


def say_ended_early(plan: Plan | None) -> None:
    """Say why bwrap ended before there was an init: it has written a line of its own."""
    obstacle = find_obstacle()
    if obstacle:
        complain(os.fsencode(f"start a sandbox: {obstacle}"), os.fsencode(obstacle.remedy))
    else:
        complain(b"start a sandbox: it ended before the program did", hint_at(0, plan))


def _write(text: bytes) -> None:
    plain = os.fsdecode(text)
    line = text if plain.isprintable() else ascii(plain).encode()
    with contextlib.suppress(OSError):
        os.write(2, b"hint: " + line + b"\n")
