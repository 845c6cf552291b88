"""--info-fd and --json-status-fd: what the process outside tells whoever watches the sandbox."""

from __future__ import annotations

import os

from .failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Options


class StatusFiles:
    """The two files, and a pipe by which the command's process says that its set-up is over.

    One byte in the pipe means that the command runs: it is written just before exec(2). A second one follows where
    exec failed, and none is there where the set-up did; either way the command has no exit code to report.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.pipe = os.pipe() if options.json_status_fd >= 0 else (-1, -1)
        self.namespaces: list[tuple[bytes, int]] = []

    def read_namespaces(self, pid: int) -> None:
        """Note the numbers of the namespaces that were made for ``pid``."""
        options = self.options
        if options.info_fd < 0 and options.json_status_fd < 0:
            return
        for name, made in (
            (b"cgroup", options.unshare_cgroup),
            (b"ipc", options.unshare_ipc),
            (b"mnt", True),
            (b"net", options.unshare_net),
            (b"pid", options.unshare_pid),
            (b"uts", options.unshare_uts),
        ):
            if made:
                try:
                    self.namespaces.append((name, os.stat(b"/proc/%d/ns/%s" % (pid, name)).st_ino))
                except OSError:
                    pass  # bwrap leaves out what it can't find

    def write_start(self, pid: int) -> None:
        """Write the object with the child's pid and namespaces to both files; close the first."""
        if self.options.info_fd >= 0:
            self._write(self.options.info_fd, b'{\n    "child-pid": %d%s\n}\n' % (pid, self._list(b"\n    ")))
            os.close(self.options.info_fd)
        if self.options.json_status_fd >= 0:
            self._write(self.options.json_status_fd, b'{ "child-pid": %d%s }\n' % (pid, self._list(b" ")))

    def _list(self, indent: bytes) -> bytes:
        return b"".join([b',%s"%s-namespace": %d' % (indent, name, number) for name, number in self.namespaces])

    @staticmethod
    def _write(fd: int, text: bytes) -> None:
        try:
            os.write(fd, text)
        except OSError as error:
            raise Failure(b"Write to info_fd", error.errno or 0) from None

    def needed_at_the_end(self) -> tuple[int, ...]:
        """Return the descriptors that the process outside keeps."""
        return (self.options.json_status_fd, self.pipe[0])

    def write_end(self, status: int) -> None:
        """Write the exit code, where the command was executed at all."""
        if self.pipe[0] >= 0 and len(os.read(self.pipe[0], 2)) == 1:
            try:
                os.write(self.options.json_status_fd, b'{ "exit-code": %d }\n' % status)
            except OSError:
                pass  # nobody reads any more

    def close_in_child(self) -> None:
        """Close what is not the sandbox's business."""
        for fd in (self.options.info_fd, self.options.json_status_fd):
            if fd >= 0:
                try:
                    os.close(fd)
                except OSError:
                    pass  # the same number may have been given twice

    def setup_finished(self) -> None:
        """Say that exec is next; or, called again, that it failed."""
        if self.pipe[1] >= 0:
            try:
                os.write(self.pipe[1], b"\0")
            except OSError:
                pass  # the process outside has gone
