"""--pidns: entering a PID namespace that exists takes a fork, whose pid only the kernel can translate for the caller."""

from __future__ import annotations

import _socket
import os

from .. import linux
from .failure import Failure

UCRED = 12  # bytes of struct ucred, unix(7)


class PidChannel:
    """A socket over which the last of the forks says who it is. Made before the first of them."""

    def __init__(self) -> None:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)  # so that the last fork becomes this process's child
        self.reader, self.writer = (
            _socket.socket(fileno=fd)
            for fd in map(_detach, _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC))
        )
        self.reader.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)

    def receive(self) -> int:
        """Return the pid of the process that called `enter`, as this process sees it."""
        self.writer.close()
        _, ancillary, _, _ = self.reader.recvmsg(1, _socket.CMSG_SPACE(UCRED))
        self.reader.close()
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS:
                return int.from_bytes(data[:4], "little")
        raise Failure(b"No pid returned on socket")

    def enter(self, pidns_fd: int, unshare: bool) -> None:
        """Fork into the namespace ``pidns_fd``, and on into a new one below it; return in the last fork only."""
        self.reader.close()
        try:
            linux.setns(pidns_fd, linux.CLONE_NEWPID)
        except OSError as error:
            raise Failure(b"Setting pidns failed", error.errno or 0) from None
        self._fork()
        if unshare:
            try:
                linux.unshare(linux.CLONE_NEWPID)
            except OSError as error:
                raise Failure(b"unshare pid ns", error.errno or 0) from None
            self._fork()
        self.writer.sendmsg([b"\0"], [(_socket.SOL_SOCKET, _socket.SCM_CREDENTIALS, self._credentials())])
        self.writer.close()

    @staticmethod
    def _fork() -> None:
        if os.fork():
            os._exit(0)

    @staticmethod
    def _credentials() -> bytes:
        return linux.u32(os.getpid(), os.geteuid(), os.getegid())


def _detach(end: _socket.socket) -> int:
    return end.detach()
