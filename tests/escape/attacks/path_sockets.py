"""Connect to sockets of the host by path: an agent's in the home, a service's in /tmp, /run, /var/run."""

import os
import socket
from pathlib import Path

from tests.escape.kit import Lab


def setup(lab: Lab) -> list[str]:
    paths = []
    for folder in (Path("/tmp"), lab.home, Path("/run")):
        if not os.access(folder, os.W_OK):
            continue
        path = folder / f"escape-{os.getpid()}-{lab.venv.user}-{lab.venv.backend}.sock"
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        paths.append(str(path))
        lab.cleanups += [server.close, path.unlink]
    return [*paths, "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/dev/log"]


ATTACK = """
import socket

def attack():
    for path in GIVEN:
        try:
            socket.socket(socket.AF_UNIX).connect(path)
            return path
        except OSError as error:
            last = error
    raise last

def twin():
    server = socket.socket(socket.AF_UNIX)
    server.bind("/tmp/inside.sock")
    server.listen()
    socket.socket(socket.AF_UNIX).connect("/tmp/inside.sock")
    return True
"""
