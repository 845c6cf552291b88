"""Files, sockets and pipes that variables name (presets): shown at each start, since their names are of one login.

Hot where a preset asks for it: ``os`` and ``stat`` only.
"""

from __future__ import annotations

import os
import stat

from . import outside, slots
from .bwrap import memory_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .planfile import Plan
    from .slots import Slots

IN_RUNTIME_DIRECTORY = (b"WAYLAND_DISPLAY",)
"""Variables with a name in ``$XDG_RUNTIME_DIR``, unless it is a path: wl_display_connect(3)"""


DISPLAY_OFFSET = 1000


def named_file(item: bytes, env: dict[bytes, bytes]) -> bytes:
    """Return the path that ``NAME`` or ``NAME=DEFAULT`` stands for, b"" where it is none."""
    name, _, default = item.partition(b"=")
    path = env.get(name) or default
    if name in IN_RUNTIME_DIRECTORY and path and path[:1] != b"/":
        path = env.get(b"XDG_RUNTIME_DIR", b"") + b"/" + path
    return os.path.normpath(path) if path[:1] == b"/" else b""


def open_file(path: bytes) -> tuple[int, os.stat_result] | None:
    """Open what is to be shown: a regular file, socket or pipe of the caller's or root's, no link."""
    try:
        fd = slots.open_path(os.path.realpath(os.path.dirname(path)) + b"/" + os.path.basename(path))
    except OSError:
        return None
    status = os.fstat(fd)
    kinds = (stat.S_IFREG, stat.S_IFSOCK, stat.S_IFIFO)
    if stat.S_IFMT(status.st_mode) in kinds and status.st_uid in (0, os.geteuid()):
        return fd, status
    os.close(fd)
    return None


def read_cookies(path: bytes, number: bytes) -> bytes:
    """Return the entries of an Xauthority file that are for a display, made to be for every one: Xau(3).

    An entry is a family (two bytes), then address, number, name and data, each after its length in two bytes.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(1 << 16)
    except OSError:
        return b""
    found = b""
    at = 0
    while at + 2 <= len(data):
        family, parts = data[at : at + 2], []
        at += 2
        for _ in range(4):
            size = int.from_bytes(data[at : at + 2], "big")
            parts.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        if parts[1] in (number, b""):
            parts[1] = b""
            found += family + b"".join([len(part).to_bytes(2, "big") + part for part in parts])
    return found


def add_display(filled: Slots, env: dict[bytes, bytes], default: bytes) -> None:
    """Show the socket of the local X display and its cookie; ``env`` then names them as they are inside.

    The display's number differs inside: libxcb tries the abstract socket of that number first, and gives up where
    that is there and forbidden (Landlock), but goes on to the file where it isn't there.
    """
    host, _, rest = env.get(b"DISPLAY", b"").rpartition(b":")
    number, dot, screen = rest.partition(b".")
    if host not in (b"", b"unix") or not number.isdigit():
        return
    opened = open_file(b"/tmp/.X11-unix/X" + number)
    if opened is None:
        return
    inside = b"%d" % (int(number) + DISPLAY_OFFSET)
    filled.options += [b"--dir", b"/tmp/.X11-unix"]
    filled.add(b"--ro-bind-fd", opened[0], b"/tmp/.X11-unix/X" + inside, opened[1])
    env[b"DISPLAY"] = b":" + inside + dot + screen
    cookies = read_cookies(env.get(b"XAUTHORITY") or default, number)
    env.pop(b"XAUTHORITY", None)
    if cookies:
        fd = memory_file(cookies)
        filled.descriptors.append(fd)
        env[b"XAUTHORITY"] = b"/tmp/.X11-unix/cookies"
        filled.options += [b"--ro-bind-data", b"%d" % fd, env[b"XAUTHORITY"]]


def add_files(plan: Plan, filled: Slots, env: dict[bytes, bytes]) -> list[bytes]:
    """Show the file of each variable that the plan's META names; return options that close what was opened."""
    home = plan.meta[b"home"]
    closing: list[bytes] = []
    for item in plan.meta[b"env-files"].split(b"\1"):
        if item.startswith(b"DISPLAY="):
            add_display(filled, env, item[8:])
            continue
        path = named_file(item, env)
        if not path or path.startswith(home + b"/.cache/") or outside.is_shown(plan, path):
            continue
        opened = open_file(path)
        if opened is None:
            continue
        folder, name = os.path.split(path)
        if folder == home:
            slots.make_point(plan.meta[b"private-home"], name, directory=False)
        else:
            closing += outside.make_folders(plan, filled, [folder])
        filled.add(b"--ro-bind-fd", opened[0], outside.settle(plan, path), opened[1])
    return closing
