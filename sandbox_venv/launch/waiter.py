"""The process outside: forwards signals, mirrors stops, ends as the program ended.

The protocol is in docs/architecture.md, "Processes and their protocol". Hot: ``os`` and ``_signal`` only.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is a slow wrapper of

from .inside.protocol import (
    ALL_SIGNALS,
    CONTINUED,
    ENDED,
    FAILED,
    FAILED_EXEC,
    FAILED_RECORD,
    FAILED_UNFIT,
    FIRST_MESSAGE,
    FORWARDED,
    READY,
    STOPPED,
)
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .planfile import Plan

SIGCHLD = 17
UNCATCHABLE = (9, 19)
UNFIT = -1
"""In place of a wait status: nothing ran, and the session is to be started by the plan's options."""

CHANGED_BY_PYTHON = (13, 25)  # SIGPIPE, SIGXFSZ: ignored by every Python from its start


def block_signals() -> int:
    """Block all signals; return the caller's mask as a bit set by signal number."""
    mask = 0
    for number in _signal.pthread_sigmask(_signal.SIG_SETMASK, ALL_SIGNALS):
        mask |= 1 << number
    return mask


def ignored_signals() -> int:
    """Return the caller's ignored signals as a bit set; what Python itself changed counts as default."""
    found = 0
    for number in ALL_SIGNALS:
        if number in UNCATCHABLE or number in CHANGED_BY_PYTHON:
            continue
        if _signal.getsignal(number) == _signal.SIG_IGN:
            found |= 1 << number
    return found


def _note(number: int, frame: object) -> None:
    """Do nothing: the wake-up descriptor has the number already."""


class Waiter:
    """Waits for one session.

    Args:
        pid: our child: init itself (native) or bwrap.
        reader, writer: the status pipe.
        ignored: the caller's ignored signals, a bit set: these stay ignored and aren't forwarded.
        info: bwrap's --info-fd, -1 where our child is init.
        leash: dismisses the start's guard, -1 where there is none (``bwrap.start_guard``).
    """

    def __init__(
        self, pid: int, reader: int, writer: int, ignored: int, info: int = -1, leash: int = -1,
        plan: Plan | None = None,
    ) -> None:  # fmt: skip
        self.pid = pid
        self.info = info
        self.init_pid = pid if info < 0 else 0
        self.reader = reader
        self.writer = writer
        self.ignored = ignored
        self.leash = leash
        self.plan = plan
        self.early: list[int] = []
        self.ended: int | None = None
        self.failed: int | None = None
        self.reaped = False
        self.child_status = 0
        self.seen: set[int] = set()

    def wait(self) -> int:
        """Return the raw wait status that the caller should see: the program's, or 125 << 8 and the like.

        Below 0, nothing ran: `UNFIT` where the plan's records don't fit, and nothing was said; ``UNFIT - errno`` where
        one of them failed.
        """
        os.set_blocking(self.writer, False)
        for number in (SIGCHLD, *FORWARDED):
            if not self.ignored >> number & 1:
                _signal.signal(number, _note)
        _signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        self._reap()  # it may have ended before the handler was there
        data = b""
        while not self.reaped:
            data = self._take(data + os.read(self.reader, 4096))
        os.set_blocking(self.reader, False)
        while True:
            try:
                data = self._take(data + os.read(self.reader, 4096))
            except BlockingIOError:
                break
        _signal.set_wakeup_fd(-1)
        self._dismiss()
        if self.ended is None and self.failed is None:
            while kill_holders(self.reader):
                pass
        for fd in (self.reader, self.writer, self.info):
            if fd >= 0:
                os.close(fd)
        return self._result()

    def _take(self, data: bytes) -> bytes:
        """Handle what was read; return an incomplete record's start."""
        while data:
            kind = data[0]
            if kind < 0x80:
                data = data[1:]
                self._signal(kind)
                continue
            if len(data) < 8:
                return data
            value = int.from_bytes(data[4:8], "little")
            data = data[8:]
            if kind == READY:
                self._dismiss()
                self._find_init()
            elif kind == STOPPED:
                os.kill(os.getpid(), _signal.SIGSTOP)
            elif kind == ENDED:
                self.ended = value
            elif kind == FAILED and self.failed is None:
                self.failed = value
            elif kind == CONTINUED:
                pass
        return b""

    def _dismiss(self) -> None:
        if self.leash >= 0:
            try:
                os.write(self.leash, b"x")
            except BrokenPipeError:
                pass
            os.close(self.leash)
            self.leash = -1

    def _find_init(self) -> None:
        """Read who init is: bwrap wrote that before it let init go.

        Not waited for before: whoever holds that pipe, the end of a bwrap that is killed is seen.
        """
        if self.info < 0:
            return
        told = b""
        while b"}" not in told:
            chunk = os.read(self.info, 4096)
            if not chunk:
                break
            told += chunk
        digits = told.partition(b'"child-pid":')[2].lstrip()
        end = 0
        while digits[end : end + 1].isdigit():
            end += 1
        self.init_pid = int(digits[:end] or 0)
        for number in self.early:
            self._forward(number)

    def _signal(self, number: int) -> None:
        self.seen.add(number)
        if number == SIGCHLD:
            self._reap()
        elif number in FORWARDED and self.init_pid:
            self._forward(number)
        elif number in FORWARDED:
            self.early.append(number)

    def _forward(self, number: int) -> None:
        if not self.init_pid or self.reaped:
            return
        try:
            os.kill(self.init_pid, FIRST_MESSAGE + FORWARDED.index(number))
        except ProcessLookupError:
            pass

    def _reap(self) -> None:
        if self.reaped:
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.reaped = True
            self.child_status = status

    def _result(self) -> int:
        if self.failed is not None:
            stage, number = self.failed >> 16, self.failed & 0xFFFF
            if stage == FAILED_EXEC:
                return (127 if number in (2, 20) else 126) << 8
            if stage == FAILED_UNFIT:
                return self._take_back()
            if stage == FAILED_RECORD:
                return UNFIT - (number or 5)
            from ..hints import hint_failed_start

            hint_failed_start(number, self.plan)
            return 125 << 8
        if self.ended is not None:
            return self.ended
        if os.WIFEXITED(self.child_status):
            from ..hints import say_ended_early

            say_ended_early(self.plan)
        else:
            text = b"sandbox-venv: wait for sandbox: it was killed by signal %d\n"
            try:
                os.write(2, text % os.WTERMSIG(self.child_status))
            except OSError:  # the session may have left it full and non-blocking; what it made is still to be told
                pass
        return 125 << 8

    def _take_back(self) -> int:
        """Block all signals again, with those pending that came meanwhile: they are for the start by the options."""
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ALL_SIGNALS)
        for number in self.seen.intersection(FORWARDED):
            os.kill(os.getpid(), number)
        return UNFIT


def kill_holders(fd: int) -> bool:
    """Kill what holds the pipe ``fd`` besides this process: a child of a bwrap that died waits for it for ever.

    Returns:
        Whether there was any such process.
    """
    found = False
    ours = b"pipe:[%d]" % os.fstat(fd).st_ino
    for pid in os.listdir(b"/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        folder = b"/proc/%s/fd/" % pid
        try:
            held = any(os.readlink(folder + name) == ours for name in os.listdir(folder))
        except OSError:
            continue  # another user's, or gone
        if held:
            found = True
            try:
                os.kill(int(pid), 9)
            except OSError:
                pass
    return found


def end_like(status: int) -> None:
    """End this process with the raw wait status ``status``: the same exit status, or death by the same signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            import resource  # a rare path, after the program: the dump would be the launcher's

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        except (ImportError, OSError, ValueError):
            pass
        if number not in UNCATCHABLE:
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (number,))
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))
