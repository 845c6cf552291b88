"""What waiter and init say to each other: docs/architecture.md, "Processes and their protocol". Stands alone."""

from __future__ import annotations

from .system import os

(
    FAILED_SETUP,
    FAILED_VERIFY,
    FAILED_LIMITS,
    FAILED_LANDLOCK,
    FAILED_SECCOMP,
    FAILED_CHDIR,
    FAILED_EXEC,
    FAILED_UNFIT,
    FAILED_RECORD,
) = range(1, 10)
READY, STOPPED, CONTINUED, ENDED, FAILED = 0x80, 0x81, 0x82, 0x83, 0x84

# The order is the protocol: message number k is SIGRTMIN + 1 + k. Numbers are Linux's, signal(7).
FORWARDED = (1, 2, 3, 10, 12, 15, 18, 28, 14, 23, 29, 26, 27, 30, 20, 21, 22)
FIRST_MESSAGE = 35  # SIGRTMIN of glibc is 34
ALL_SIGNALS = tuple(number for number in range(1, 65) if number not in (32, 33))  # glibc keeps these two

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .config import Config


class Stop(Exception):
    """A step failed: stage, errno and the line for stderr."""

    def __init__(self, stage: int, number: int, text: bytes) -> None:
        Exception.__init__(self, text)
        self.stage = stage
        self.number = number
        self.text = text


def send(fd: int, kind: int, value: int) -> None:
    """Write one record of the protocol to the status pipe."""
    os.write(fd, bytes((kind, 0, 0, 0)) + value.to_bytes(4, "little"))


def why(error: OSError) -> bytes:
    """Return the reason in an error."""
    return (error.strerror or str(error)).encode()


def fail(config: Config, stop: Stop) -> NoReturn:
    """Report a failed step: a line on stderr and a record; nothing runs."""
    try:
        os.write(2, b"sandbox-venv: " + stop.text + b"\n")
    except OSError:
        pass
    try:
        send(config.status_fd, FAILED, stop.stage << 16 | (stop.number & 0xFFFF))
    finally:
        os._exit(125)
