"""Messages with a Content-Length, as debuggers and language servers speak them, and what an IDE tells a debugger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any


class Messages:
    """Both directions of such a conversation."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self.reader, self.writer = reader, writer

    def send(self, **message: Any) -> None:
        data = json.dumps(message).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.writer.flush()

    def until(self, **wanted: Any) -> dict[str, Any]:
        """Return the first message that has what is wanted."""
        while True:
            length = 0
            while line := self.reader.readline().strip():
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            assert length, f"the other side ended before {wanted}"
            message: dict[str, Any] = json.loads(self.reader.read(length))
            if wanted.items() <= message.items():
                return message


class Debugger(Messages):
    """A debug adapter, as an IDE speaks to it."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        super().__init__(reader, writer)
        self._count = 0
        self._thread = 0

    def request(self, command: str, **arguments: Any) -> None:
        self._count += 1
        self.send(seq=self._count, type="request", command=command, arguments=arguments)

    def initialize(self, **known: Any) -> None:
        self.request("initialize", **known)
        self.until(command="initialize", success=True)

    def stop_at(self, path: Path, line: int) -> int:
        """Set a breakpoint, after the request launch or attach, and wait until the program is there; return the frame's id."""
        self.until(event="initialized")
        self.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
        self.request("configurationDone")
        self._thread = self.until(event="stopped")["body"]["threadId"]
        self.request("stackTrace", threadId=self._thread)
        frame = self.until(command="stackTrace")["body"]["stackFrames"][0]
        assert (frame["source"]["path"], frame["line"]) == (str(path), line)
        return int(frame["id"])

    def evaluate(self, expression: str, frame: int) -> str:
        self.request("evaluate", expression=expression, frameId=frame)
        return str(self.until(command="evaluate")["body"]["result"])

    def go_on(self) -> None:
        self.request("continue", threadId=self._thread)
