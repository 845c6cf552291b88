"""A window of one colour, spoken to the compositor byte by byte: wayland.xml, xdg-shell.xml. Shown, it says so and waits."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

WIDTH, HEIGHT, COLOUR = 120, 90, b"\xff\x90\x1e\xff"  # #1e90ff as XRGB8888 in memory

DISPLAY, REGISTRY, COMPOSITOR, SHM, SHELL, POOL, BUFFER, SURFACE, ROLE, WINDOW, FRAME = range(1, 12)
WANTED = {b"wl_compositor": (COMPOSITOR, 1), b"wl_shm": (SHM, 1), b"xdg_wm_base": (SHELL, 1)}


class Compositor:
    """The connection; ``events`` are (object, opcode, arguments)."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.environ["XDG_RUNTIME_DIR"] + "/" + os.environ["WAYLAND_DISPLAY"])
        self.data = b""

    def ask(self, target: int, opcode: int, *words: int | bytes, fd: int = -1) -> None:
        body = b"".join(struct.pack("=I", word) if isinstance(word, int) else text(word) for word in words)
        message = struct.pack("=II", target, (8 + len(body)) << 16 | opcode) + body
        socket.send_fds(self.socket, [message], [] if fd < 0 else [fd])

    def events(self, seconds: float):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return
            chunk = self.socket.recv(1 << 16)
            if not chunk:
                sys.exit("the compositor is gone")
            self.data += chunk
            while len(self.data) >= 8:
                target, size = struct.unpack("=II", self.data[:8])
                if len(self.data) < size >> 16:
                    break
                body, self.data = self.data[8 : size >> 16], self.data[size >> 16 :]
                if (target, size & 0xFFFF) == (DISPLAY, 0):
                    sys.exit(f"error {body!r}")
                if (target, size & 0xFFFF) == (SHELL, 0):
                    self.ask(SHELL, 3, *struct.unpack("=I", body))  # ping, pong
                yield target, size & 0xFFFF, body


def text(word: bytes) -> bytes:
    data = word + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)


def main() -> None:
    display = Compositor()
    display.ask(DISPLAY, 1, REGISTRY)
    missing = dict(WANTED)
    for target, _, body in display.events(10):
        number, size = struct.unpack("=II", body[:8])
        name = body[8 : 8 + size - 1]
        if target == REGISTRY and name in missing:
            identity, version = missing.pop(name)
            display.ask(REGISTRY, 0, number, name, version, identity)
        if not missing:
            break
    stride = WIDTH * 4
    fd = os.memfd_create("window")
    os.write(fd, COLOUR * WIDTH * HEIGHT)
    display.ask(SHM, 0, POOL, stride * HEIGHT, fd=fd)
    display.ask(POOL, 0, BUFFER, 0, WIDTH, HEIGHT, stride, 1)
    display.ask(COMPOSITOR, 0, SURFACE)
    display.ask(SHELL, 2, ROLE, SURFACE)
    display.ask(ROLE, 1, WINDOW)
    display.ask(SURFACE, 6)
    for target, opcode, body in display.events(10):
        if (target, opcode) == (ROLE, 0):
            display.ask(ROLE, 4, *struct.unpack("=I", body))
            break
    display.ask(SURFACE, 1, BUFFER, 0, 0)
    display.ask(SURFACE, 2, 0, 0, WIDTH, HEIGHT)
    display.ask(SURFACE, 3, FRAME)
    display.ask(SURFACE, 6)
    for target, _, _ in display.events(10):
        if target == FRAME:
            print("shown", os.listdir(os.environ["XDG_RUNTIME_DIR"]), flush=True)
            break
    for _ in display.events(float(sys.argv[1])):
        pass


main()
