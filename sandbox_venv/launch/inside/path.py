"""What is needed of ``os.path`` before a program starts, for bytes; see `system`. Stands alone, as all modules here."""

from __future__ import annotations

from posix import lstat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import stat_result


def join(folder: bytes, name: bytes) -> bytes:
    """Return ``name`` below ``folder``."""
    if name[:1] == b"/" or not folder:
        return name
    return folder + name if folder[-1:] == b"/" else folder + b"/" + name


def dirname(name: bytes) -> bytes:
    """Return the directory of a path."""
    head = name[: name.rfind(b"/") + 1]
    return head.rstrip(b"/") or head


def basename(name: bytes) -> bytes:
    """Return the last name of a path."""
    return name[name.rfind(b"/") + 1 :]


def normpath(name: bytes) -> bytes:
    """Return a path without empty names, ``.`` and ``..``, as text: links are not looked at."""
    top = b"" if name[:1] != b"/" else b"//" if name[:2] == b"//" and name[:3] != b"///" else b"/"
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part != b".." or (not top and not parts) or parts[-1:] == [b".."]:
            parts.append(part)
        elif parts:
            parts.pop()
    return top + b"/".join(parts) or b"."


def lexists(name: bytes) -> bool:
    """Tell whether something is there, be it a link that leads nowhere."""
    try:
        lstat(name)
    except (OSError, ValueError):
        return False
    return True


def samestat(one: stat_result, other: stat_result) -> bool:
    """Tell whether two results of stat(2) are of one file."""
    return one.st_ino == other.st_ino and one.st_dev == other.st_dev


def realpath(name: bytes) -> bytes:
    """Return the path with all links followed."""
    import os.path

    return os.path.realpath(name)
