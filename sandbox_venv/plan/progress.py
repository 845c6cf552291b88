"""What a person at a terminal sees while a plan is compiled: one line, and a bar where it takes long."""

from __future__ import annotations

import os
import threading
from functools import cache
from types import TracebackType
from typing import Self

from ..errors import shown

DELAY = 0.5
STEP = 0.1
WIDTH = 24
"""Seconds before the bar appears, seconds between its steps, its columns."""


def say_waiting() -> None:
    """Say on a terminal that another process is compiling."""
    if os.isatty(2):
        os.write(2, b"sandbox-venv: waiting for another process that does the same\n")


@cache
def say_once(line: str) -> None:
    """Write a line to standard error, once a process: it may compile several plans."""
    os.write(2, os.fsencode(line + "\n"))


class Progress:
    """A context that says on a terminal that, and why, a plan is compiled; silent anywhere else.

    Args:
        reason: in a few words.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.shown = os.isatty(2)
        self.done = threading.Event()
        self.thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.shown:
            os.write(2, os.fsencode(f"sandbox-venv: compiling this sandbox's plan ({shown(self.reason)})\n"))
            self.thread = threading.Thread(target=self._draw, daemon=True)
            self.thread.start()
        return self

    def _draw(self) -> None:
        """Draw a block that moves to and fro: how much is left isn't known."""
        at = 0
        if self.done.wait(DELAY):
            return
        while True:
            place = abs((at + WIDTH - 4) % (2 * (WIDTH - 4)) - (WIDTH - 4))
            bar = " " * place + "####" + " " * (WIDTH - 4 - place)
            os.write(2, f"\r[{bar}]".encode())
            at += 1
            if self.done.wait(STEP):
                os.write(2, b"\r\x1b[K")
                return

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done.set()
        if self.thread is not None:
            self.thread.join()
