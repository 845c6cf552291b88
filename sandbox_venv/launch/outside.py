"""What a call brings from outside the plan: its directory, and the main script that ``python FILE`` names.

Hot: ``os`` and ``stat`` only. The file that the caller names is shown read-only, that file alone. It is opened without
following links (but one right below ``/``, where no session writes): a link on the way may be another session's doing.
"""

from __future__ import annotations

from . import slots
from .failure import LaunchError
from .inside.system import modes as stat
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .planfile import Plan
    from .slots import Slots

PROBE = (b"-I", b"-B", b"-c")
PROBE_CODE = b'import sys; sys.path = [__import__("os").fsdecode(b"'
"""How uv asks an interpreter about itself: uv-python/src/interpreter.rs"""

PYTHONS = (b"python", b"pypy", b"python-freethreaded")
INSIDE_ITS_OWN = (b"/dev/", b"/proc/")


def is_python(name: bytes) -> bool:
    """Tell whether an entry point of that name is an interpreter."""
    return name.rstrip(b"0123456789.t") in PYTHONS or name.rstrip(b"0123456789.") in PYTHONS


def python_main(args: list[bytes]) -> tuple[bytes, bytes]:
    """Return what ``python ARGS`` runs, by python's own options in order.

    That is (``-m``, module), (``-c``, code), (``file``, its path) or two times b"" where it is stdin or nothing.
    """
    at = 0
    while at < len(args):
        arg = args[at]
        at += 1
        if arg == b"-":
            break
        if arg == b"--":
            return (b"file", args[at]) if at < len(args) else (b"", b"")
        if arg[:1] != b"-":
            return b"file", arg
        if arg[:2] == b"--":
            at += arg == b"--check-hash-based-pycs"
            continue
        for place, letter in enumerate(arg[1:], 2):
            if letter in b"mcWX":
                value = arg[place:]
                if not value and at < len(args):
                    value = args[at]
                    at += 1
                if letter in b"mc":
                    return b"-" + bytes((letter,)), value
                break
    return b"", b""


def is_shown(plan: Plan, path: bytes) -> bool:
    """Tell whether a directory that the plan mounts whole shows ``path``."""
    path += b"/"
    return any(path.startswith(root.rstrip(b"/") + b"/") for root in plan.meta[b"shown"].split(b"\1"))


def find_script(plan: Plan, argv: list[bytes], cwd: bytes) -> bytes:
    """Return the absolute path of the main script that a command names outside of what the plan shows, else b""."""
    if not is_python(os.path.basename(argv[0])):
        return b""
    kind, path = python_main(argv[1:])
    if kind != b"file" or not path:
        return b""
    path = os.path.normpath(os.path.join(cwd, path))
    if path[:2] == b"//" or path.startswith(INSIDE_ITS_OWN) or is_shown(plan, path):
        return b""
    return path


def open_script(path: bytes) -> tuple[int, os.stat_result] | None:
    """Open the main script; None where it can't be shown: a link, no regular file, neither the caller's nor root's."""
    first, slash, rest = path[1:].partition(b"/")
    try:
        fd = slots.open_path(os.path.realpath(b"/" + first) + slash + rest)
    except OSError:
        return None
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_uid in (0, os.geteuid()):
        return fd, status
    os.close(fd)
    return None


def settle(plan: Plan, path: bytes) -> bytes:
    """Return ``path`` with the links that the plan makes (``/var/tmp`` to ``/tmp``) followed: bwrap doesn't."""
    base = plan.base
    for at, word in enumerate(base):
        if word == b"--symlink" and path.startswith(base[at + 2] + b"/"):
            return os.path.join(os.path.dirname(base[at + 2]), base[at + 1]) + path[len(base[at + 2]) :]
    return path


def check_point(plan: Plan, script: bytes) -> None:
    """Refuse to run the empty file that an earlier session left in the private home as a mount point.

    Raises:
        LaunchError: it would be run in the place of a script that can't be shown.
    """
    point = plan.meta[b"private-home"] + script[len(plan.meta[b"home"]) :]
    try:
        status = os.lstat(point)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        raise LaunchError(b"run %s: it is gone, or a link, or another user's" % script, b"name the file itself")


def make_folders(plan: Plan, filled: Slots, folders: list[bytes]) -> list[bytes]:
    """Add bubblewrap options that make directories exist inside; return those that close the private home's pins.

    Below ``$HOME`` they lie in a tmpfs on its first component, which the launcher makes: no mount point is resolved
    through what a session can write.
    """
    home = plan.meta[b"home"]
    known = plan.meta[b"pins"].split(b"\1")
    closing: list[bytes] = []
    for folder in folders:
        if folder == home:
            continue
        if folder.startswith(home + b"/"):
            first = folder[len(home) + 1 :].split(b"/")[0]
            pin = home + b"/" + first
            if pin not in known and pin not in filled.pinned:
                slots.make_point(plan.meta[b"private-home"], first, directory=True)
                filled.options += [b"--tmpfs", pin]
                closing += [b"--remount-ro", pin]
                filled.pinned.append(pin)
            if folder == pin:
                continue
        filled.options += [b"--dir", settle(plan, folder)]
    return closing


def fits_records(plan: Plan, brought: list[bytes], cwd: bytes) -> bool:
    """Tell whether the records do for a call that brings these options along: none, or its directory in /tmp.

    That /tmp must be the session's own, with no link in it that could lead elsewhere.
    """
    if not brought:
        return True
    kinds, targets = plan.records[::3], plan.records[2::3]
    own = b"c" in kinds or ((b"t", b"tmp") in zip(kinds, targets) and b"l" not in kinds)
    in_tmp = cwd[:5] == b"/tmp/" and not (cwd + b"/").startswith(plan.meta[b"home"] + b"/")
    return brought == [b"--dir", cwd] and own and in_tmp


def find_probe(argv: list[bytes]) -> bytes:
    """Return the directory that uv's question to an interpreter imports from, b"" where this is none.

    It lies in uv's cache, which no sandbox sees, and is named in the code.
    """
    if len(argv) != 5 or tuple(argv[1:4]) != PROBE or not argv[4].startswith(PROBE_CODE):
        return b""
    path = argv[4][len(PROBE_CODE) :].partition(b'")] + sys.path; from python.')[0]
    plain = path[:1] == b"/" and os.path.normpath(path) == path and b"\\" not in path and b'"' not in path
    return path if plain and os.path.basename(path)[:4] == b".tmp" else b""


def add_probe(plan: Plan, filled: Slots, path: bytes) -> list[bytes]:
    """Show that one directory, read-only, where it is the caller's own and looks like uv's; return closing options."""
    try:
        fd = slots.open_path(os.path.realpath(os.path.dirname(path)) + b"/" + os.path.basename(path))
    except OSError:
        return []
    status = os.fstat(fd)
    try:
        names = os.listdir(b"/proc/self/fd/%d" % fd) if status.st_uid == os.geteuid() else []
    except OSError:
        names = []
    if b"python" not in names or len(names) > 4:
        os.close(fd)
        return []
    closing = make_folders(plan, filled, [os.path.dirname(path)])
    for pin in closing[1::2]:
        filled.forget(pin)
    filled.add(b"--ro-bind-fd", fd, settle(plan, path), status)
    return closing


def add(plan: Plan, filled: Slots, argv: list[bytes], cwd: bytes) -> list[bytes]:
    """Add the caller's directory and main script to the filled slots; return options that close what was opened."""
    folders = [] if plan.meta.get(b"chdir") or is_shown(plan, cwd) else [cwd]
    script = find_script(plan, argv, cwd)
    home = plan.meta[b"home"]
    opened = None if not script or script.startswith(home + b"/.cache/") else open_script(script)
    if opened:
        folders.append(os.path.dirname(script))
    closing = make_folders(plan, filled, folders)
    if script and not opened and os.path.dirname(script) == home:
        check_point(plan, script)
    probe = find_probe(argv)
    if probe and not is_shown(plan, probe):
        closing += add_probe(plan, filled, probe)
    if opened:
        if os.path.dirname(script) == home:
            slots.make_point(plan.meta[b"private-home"], os.path.basename(script), directory=False)
        filled.add(b"--ro-bind-fd", opened[0], settle(plan, script), opened[1])
    return closing


def safe_path(plan: Plan, argv: list[bytes]) -> list[bytes]:
    """Return the command of an install session, where ``python -m`` must not import from the current directory.

    Run sessions write there: a ``pip.py`` of theirs would run with the right to change the venv.
    """
    option = plan.meta.get(b"safe-path")
    if not option or python_main(argv[1:])[0] != b"-m":
        return argv
    return [argv[0], option, *argv[1:]]
