"""The one exception of the native backend, and where it and warnings are written."""

from __future__ import annotations

import os

LOG_ERR = b"3"  # syslog(3)
LOG_WARNING = b"4"
ENOSPC = 28  # errno(3)


class Failure(Exception):
    """A step that went wrong, in bubblewrap's form: ``text``, then the reason where there is one.

    Args:
        text: what could not be done, with its paths.
        number: the errno, or 0 where the text says it all.
        mounting: mount(2) failed, so ENOSPC means a limit and not a full disk.
        said: ``text`` holds the reason already.
    """

    def __init__(self, text: bytes, number: int = 0, mounting: bool = False, said: bool = False) -> None:
        super().__init__(text, number)
        self.said = said
        self.text = text
        self.number = number
        self.mounting = mounting

    def reason(self) -> bytes:
        """Return the errno in words, or nothing."""
        if self.mounting and self.number == ENOSPC:
            return b"Limit exceeded (ENOSPC). (Hint: /proc/sys/fs/mount-max says how many mounts a namespace may have)"
        return os.strerror(self.number).encode() if self.number else b""

    def line(self) -> bytes:
        """Return the message without the program's name."""
        reason = b"" if self.said else self.reason()
        return self.text + b": " + reason if reason else self.text


class Usage(Failure):
    """A mistake in the options: nothing was started."""


def write_line(line: bytes) -> None:
    """Write one line to stderr; that it can't be written is no reason for another failure."""
    try:
        os.write(2, line + b"\n")
    except OSError:
        pass
