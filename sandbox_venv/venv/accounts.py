"""The files mounted over /etc/passwd and /etc/group: this user, root, nobody, and the groups that programs look up."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

USER = "user"
GROUPS = (
    "root", "nogroup", "adm", "sudo", "audio", "dip", "video", "plugdev", "staff", "users", "netdev", "scanner",
    "bluetooth", "lpadmin",
)  # fmt: skip


def _field(text: str) -> str:
    """Return a text that can stand in one field."""
    return "".join(c for c in text if c not in ":\n")


def passwd_text(home: Path) -> bytes:
    """Return the passwd file: no full name, no password, the login name that the host has.

    Root is there for what writes its name (tarfile's `uname`), nobody as the owner of what isn't this user's.
    """
    try:
        entry = pwd.getpwuid(os.getuid())
        name, shell = entry.pw_name, entry.pw_shell or "/bin/sh"
    except KeyError:
        name, shell = USER, "/bin/sh"
    lines = [f"{_field(name)}:x:{os.getuid()}:{os.getgid()}::{_field(str(home))}:{_field(shell)}"]
    if os.getuid() != 0:
        lines.append("root:x:0:0::/root:/usr/sbin/nologin")
    try:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    except KeyError:
        uid, gid = 65534, 65534
    if uid != os.getuid():
        lines.append(f"nobody:x:{uid}:{gid}:nobody:/nonexistent:/usr/sbin/nologin")
    return os.fsencode("\n".join(lines) + "\n")


def group_text() -> bytes:
    """Return the group file: the primary group, and those of the usual ones that exist here, without members."""
    groups: dict[str, int] = {}
    try:
        groups[grp.getgrgid(os.getgid()).gr_name] = os.getgid()
    except KeyError:
        groups[USER] = os.getgid()
    for name in GROUPS:
        try:
            groups.setdefault(name, grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    return os.fsencode("".join(f"{_field(name)}:x:{gid}:\n" for name, gid in groups.items()))
