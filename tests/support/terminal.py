"""A real pseudo-terminal with a person's hands: keys go in, the screen comes out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.process import TIMEOUT, Argument, Environment, Process, Result, spawn_as
from tests.support.users import User

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = b"\x03", b"\x04", b"\x1a", b"\x1c"


class Terminal:
    """A program on its own controlling terminal.

    Args:
        user: who runs it.
        argv: the program; for job control a shell such as ``["bash", "--norc", "-i"]``.
        cwd: where; the user's home if not said.
        env: changes to the session's environment.
        given: variables of this one process.
        size: rows and columns.
    """

    def __init__(
        self,
        user: User,
        argv: Sequence[Argument],
        *,
        cwd: Path | None = None,
        env: Environment | None = None,
        given: Environment | None = None,
        size: tuple[int, int] = (24, 200),
    ) -> None:
        self.master, slave = os.openpty()
        try:
            self.resize(*size)
            if os.geteuid() != user.uid:
                os.fchown(slave, user.uid, user.gid)
            self.process: Process = spawn_as(
                user, argv, cwd=cwd, env=env, given=given, stdin=slave, stdout=slave, stderr=slave, terminal=True
            )
        except BaseException:
            os.close(self.master)
            raise
        finally:
            os.close(slave)
        self.screen = ""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, 9)
        with contextlib.suppress(OSError):
            os.close(self.master)
        self.process.popen.wait(10)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size; the kernel sends SIGWINCH to the foreground."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str | bytes) -> None:
        """Type ``keys``."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self.master, data) :]

    def read(self, seconds: float = 0.0) -> bool:
        """Add what comes within ``seconds`` to ``screen``; False when the terminal is closed."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.screen += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def expect(self, pattern: str, timeout: float = TIMEOUT) -> re.Match[str]:
        """Wait until ``pattern`` shows after what was expected before; return the match."""
        end = time.monotonic() + timeout
        while True:
            found = re.compile(pattern, re.MULTILINE).search(self.screen, self._seen)
            if found:
                self._seen = found.end()
                return found
            left = end - time.monotonic()
            if left <= 0 or not self.read(min(left, 0.2)):
                found = re.compile(pattern, re.MULTILINE).search(self.screen, self._seen)
                assert found, f"{pattern!r} did not show; the screen:\n{self.screen}"

    def wait(self, timeout: float = TIMEOUT) -> Result:
        """Read to the program's end; the result's ``stdout`` is the screen."""
        end = time.monotonic() + timeout
        while self.process.popen.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
                message = f"no end within {timeout} s: {self.process.argv}\n{self.screen}"
                raise AssertionError(message)
            if not self.read(0.05):
                time.sleep(0.01)
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return Result(self.process.argv, self.process.popen.returncode, self.screen, "")
