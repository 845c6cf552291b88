"""--pidns: entering a PID namespace takes a fork, whose pid only the kernel can translate for the caller."""

from __future__ import annotations

import os

from .. import linux
from .failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

UCRED = 12  # bytes of struct ucred, unix(7)


class PidChannel:
    """A socket over which the last of the forks says who it is. Made before the first of them."""

    def __init__(self) -> None:
        import _socket  # for this rare option only; before the root changes

        self._module = _socket
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)  # so that the last fork becomes this process's child
        pair = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        self.reader: _socket.socket = pair[0]
        self.writer: _socket.socket = pair[1]
        self.reader.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)

    def receive(self) -> int:
        """Return the pid of the process that called `enter`, as this process sees it."""
        self.writer.close()
        _, ancillary, _, _ = self.reader.recvmsg(1, self._module.CMSG_SPACE(UCRED))
        self.reader.close()
        if not ancillary:
            raise Failure(b"Unexpected short read from pid socket")
        for level, kind, data in ancillary:
            if (level, kind) == (self._module.SOL_SOCKET, self._module.SCM_CREDENTIALS):
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
        credentials = linux.u32(os.getpid(), os.geteuid(), os.getegid())
        self.writer.sendmsg([b"\0"], [(self._module.SOL_SOCKET, self._module.SCM_CREDENTIALS, credentials)])
        self.writer.close()

    @staticmethod
    def _fork() -> None:
        if os.fork():
            os._exit(0)
