"""A mount namespace for bwrap, in which only what its sandbox may write is writable, and its root is ready-made.

A bwrap before 0.12 looks mount points up by their paths (CVE-2026-87766): a session that runs at the same time can swap
a directory for a link, and have directories and files made wherever the link leads. Here all that it could lead to is
read-only, and no descriptor leads out: neither bwrap's own of /proc, since it opens that here, nor ours, which are
opened anew.
"""

from __future__ import annotations

from . import linux, slots
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WRITING = (b"--bind", b"--bind-try", b"--dev-bind", b"--dev-bind-try")


def writable_sources(options: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the paths of the host that the options bind writable; by descriptor, what these are open on."""
    for at, word in enumerate(options):
        if word == b"--bind-fd":
            yield os.readlink(b"/proc/self/fd/" + options[at + 1])
        elif word in WRITING and options[at + 1][:1] == b"/":
            yield options[at + 1]


def outermost(paths: Iterable[bytes]) -> list[bytes]:
    """Return the directories and files that the others lie in."""
    found: list[bytes] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/")):  # what holds others comes first
        if not found or not (path + b"/").startswith(found[-1].rstrip(b"/") + b"/"):
            found.append(path)
    return found


def mount_root(records: Sequence[bytes]) -> None:
    """Mount the ready-made root with what of the host it shows, where the options have it (``plan/merged.py``).

    Args:
        records: ``plan/bwrap_records.py``, with a skeleton.
    """
    root = linux.open_tree(linux.AT_FDCWD, records[4], linux.CLONE_TREE)
    place = slots.open_path(records[5])
    linux.move_mount(root, place, b"")
    os.close(place)
    group = 3 * records[::3].index(b"R")
    linux.mount_group(root, records[7:group:3], records[8:group:3])
    os.close(root)


def enter(options: Sequence[bytes], records: Sequence[bytes]) -> None:
    """Enter the namespace, and open the descriptors that the options bind anew in it, under the same numbers.

    Args:
        options: bubblewrap's.
        records: for `mount_root`; none where the options say all.

    Raises:
        OSError: a step failed; the caller must not go on.
    """
    kept = outermost(writable_sources(options))
    if kept[:1] == [b"/"]:
        return  # the user wants it so
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
    maps = ((b"setgroups", b"deny"), (b"uid_map", b"%d %d 1" % (uid, uid)), (b"gid_map", b"%d %d 1" % (gid, gid)))
    for name, text in maps:
        fd = os.open(b"/proc/self/" + name, os.O_WRONLY)
        os.write(fd, text)
        os.close(fd)
    linux.mount(None, b"/", None, linux.MS_SILENT | linux.MS_REC | linux.MS_PRIVATE)
    trees = []
    for path in [b"/proc", *kept]:
        try:
            place = slots.open_path(path)
        except FileNotFoundError:
            continue  # an option that may lack its source
        trees.append((path, linux.open_tree(place, b"", linux.CLONE_TREE | linux.AT_EMPTY_PATH)))
        os.close(place)
    root = os.open(b"/", linux.O_PATH_DIRECTORY)
    linux.mount_setattr(root, linux.AT_RECURSIVE, linux.MOUNT_ATTR_RDONLY)
    os.close(root)
    for path, tree in trees:
        place = slots.open_path(path)
        linux.move_mount(tree, place, b"")
        os.close(place)
        os.close(tree)
    for word, number in zip(options, options[1:]):  # noqa: RUF007 - itertools is not imported here
        if word in (b"--bind-fd", b"--ro-bind-fd"):
            reopen(int(number))
    if records:
        mount_root(records)
    os.chdir(b"/")


def reopen(fd: int) -> None:
    """Have ``fd`` lead to the same file or directory, through this namespace's mounts."""
    path = os.readlink(b"/proc/self/fd/%d" % fd)
    new = slots.open_path(path)
    old, found = os.fstat(fd), os.fstat(new)
    if (old.st_dev, old.st_ino) != (found.st_dev, found.st_ino):
        raise OSError(116, "it is not what was opened", path)
    os.dup2(new, fd, inheritable=False)
    os.close(new)
