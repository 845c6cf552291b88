"""Connect to an abstract Unix socket of the host (X11, D-Bus, containerd-shim): the network is shared (bubblewrap #330)."""

import socket

from tests.escape.kit import Lab


def setup(lab: Lab) -> list[str]:
    names = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        server = socket.socket(socket.AF_UNIX, kind)
        name = f"escape-{id(server):x}-{lab.venv.user}-{lab.venv.backend}"
        server.bind("\0" + name)
        if kind != socket.SOCK_DGRAM:
            server.listen()
        names.append(name)
        lab.cleanups.append(server.close)
    return names


ATTACK = """
import socket

def attack():
    for name, kind in zip(GIVEN, (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)):
        try:
            client = socket.socket(socket.AF_UNIX, kind)
            if kind == socket.SOCK_DGRAM:
                client.sendto(b"x", chr(0) + name)
            client.connect(chr(0) + name)
            return [name, "connected"]
        except OSError as error:
            last = error
    raise last

def twin():
    server = socket.socket(socket.AF_UNIX)
    server.bind(chr(0) + "inside")
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(chr(0) + "inside")
    return True
"""
