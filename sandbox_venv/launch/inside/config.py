"""What init is told, and how it is handed to another process."""

from __future__ import annotations

_NUMBERS = ("status_fd", "ignored", "mask", "closed", "listen_fds", "nested", "spare_fd")
_LISTS = ("env", "argv", "verify", "cwd", "keep", "rlimits")


class Config:
    """What init is told.

    Attributes:
        status_fd: the status pipe's writing end.
        ignored, mask: the caller's ignored and blocked signals, bit sets by signal number.
        closed: bit set of descriptors 0-2 that the caller had closed.
        listen_fds: whether LISTEN_PID must name the program's process.
        nested: whether sandboxes inside are wanted: a Landlock ruleset on files would forbid them to mount.
        spare_fd: a pipe's end that only kept bwrap from a broken pipe, 0 where there is none.
        env: the program's environment, NAME=VALUE.
        argv: the program and its arguments.
        verify: mount point, device, inode in turn.
        cwd: the program's directory (one item).
        keep: numbers of descriptors that stay open.
        rlimits: limits of the program, ``number=soft:hard``.
    """

    __slots__ = _NUMBERS + _LISTS
    status_fd: int
    ignored: int
    mask: int
    closed: int
    listen_fds: int
    nested: int
    spare_fd: int
    env: list[bytes]
    argv: list[bytes]
    verify: list[bytes]
    cwd: list[bytes]
    keep: list[bytes]
    rlimits: list[bytes]

    def pack(self) -> bytes:
        """Return it as bytes: numbers, then lists, each headed by its length."""
        items = [b"%d" % getattr(self, name) for name in _NUMBERS]
        for name in _LISTS:
            values = getattr(self, name)
            items.append(b"%d" % len(values))
            items.extend(values)
        return b"\0".join(items)


def unpack(data: bytes) -> Config:
    """Return what :meth:`Config.pack` packed."""
    items = data.split(b"\0")
    config = Config()
    for at, name in enumerate(_NUMBERS):
        setattr(config, name, int(items[at]))
    at = len(_NUMBERS)
    for name in _LISTS:
        count = int(items[at])
        setattr(config, name, items[at + 1 : at + 1 + count])
        at += 1 + count
    return config
