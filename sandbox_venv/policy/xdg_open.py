"""``xdg-open`` inside: asks the desktop's portal to open an address. Exit statuses are xdg-open(1)'s.

Stands alone (Python 3.8 syntax): its text is what a session of the preset ``desktop`` has as /usr/bin/xdg-open, run by
the venv's base interpreter. It speaks just enough D-Bus (D-Bus specification, version 1.0) for one call.
"""

import os
import socket
import struct
import sys

PORTAL = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.OpenURI")
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, _, SIGNATURE = range(1, 9)
USAGE, FAILED = 1, 4


def pad(data: bytes, to: int) -> bytes:
    """Return data with zeros up to the next multiple of ``to``."""
    return data + bytes(-len(data) % to)


def text(value: str) -> bytes:
    """Return a string or an object path as it is sent."""
    data = value.encode("utf-8", "surrogateescape")
    return struct.pack("<I", len(data)) + data + b"\0"


def signature(value: str) -> bytes:
    """Return a signature as it is sent."""
    return bytes([len(value)]) + value.encode() + b"\0"


def message(serial: int, kind: int, fields: "dict[int, tuple[str, str]]", types: str, body: bytes) -> bytes:
    """Return a message; fields are code -> (type, value), all of them strings or paths."""
    listed = b""
    for code, (kind_of, value) in fields.items():
        listed = pad(listed, 8) + bytes([code]) + signature(kind_of)
        listed = pad(listed, 4) + text(value)
    if types:
        listed = pad(listed, 8) + bytes([SIGNATURE]) + signature("g") + signature(types)
    head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), serial, len(listed))
    return pad(head + listed, 8) + body


def read_exactly(bus: socket.socket, size: int) -> bytes:
    """Return so many bytes of what the bus sends."""
    data = b""
    while len(data) < size:
        chunk = bus.recv(size - len(data))
        if not chunk:
            raise OSError(32, "the bus closed the connection")
        data += chunk
    return data


def read_message(bus: socket.socket) -> "tuple[int, int, str, bytes]":
    """Return one message: kind, the serial that it replies to, error name, body."""
    head = read_exactly(bus, 16)
    order = "<" if head[:1] == b"l" else ">"
    length, _, listed = struct.unpack(order + "III", head[4:])
    fields = read_exactly(bus, listed + -listed % 8)[:listed]
    body = read_exactly(bus, length)
    reply = 0
    name = ""
    at = 0
    while at < len(fields):
        at += -at % 8
        code, kind = fields[at], fields[at + 2 : at + 3]
        at += 4
        if kind == b"g":
            at += fields[at] + 2
            continue
        at += -at % 4
        (value,) = struct.unpack_from(order + "I", fields, at)
        at += 4
        if kind == b"u":
            reply = value if code == REPLY_SERIAL else reply
            continue
        if code == ERROR_NAME:
            name = fields[at : at + value].decode("utf-8", "replace")
        at += value + 1
    return head[1], reply, name, body


def connect(address: str) -> socket.socket:
    """Return a connection to the bus, authenticated as this user: D-Bus specification, "Authentication Protocol"."""
    if not address.startswith("unix:path="):
        raise OSError(2, "there is no session bus")
    bus = socket.socket(socket.AF_UNIX)
    bus.settimeout(30)
    bus.connect(address[10:].partition(",")[0])
    bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    said = b""
    while not said.endswith(b"\r\n"):
        said += read_exactly(bus, 1)
    if not said.startswith(b"OK "):
        raise OSError(13, "the bus refuses this user")
    bus.sendall(b"BEGIN\r\n")
    call(bus, 1, BUS, "Hello", "", b"")
    return bus


def call(bus: socket.socket, serial: int, to: "tuple[str, str, str]", method: str, types: str, body: bytes) -> bytes:
    """Call a method; return the body of the reply."""
    name, path, interface = to
    fields = {PATH: ("o", path), INTERFACE: ("s", interface), MEMBER: ("s", method), DESTINATION: ("s", name)}
    bus.sendall(message(serial, CALL, fields, types, body))
    while True:
        kind, reply, error, data = read_message(bus)
        if reply == serial and kind in (RETURN, ERROR):
            if kind == ERROR:
                raise OSError(5, error)
            return data


def main(words: "list[str]") -> int:
    """Open one address; return the exit status."""
    if len(words) != 1 or words[0].startswith("-"):
        sys.stderr.write("usage: xdg-open ADDRESS\n")
        return USAGE
    scheme, colon, _ = words[0].partition(":")
    if not colon or "/" in scheme or scheme.lower() == "file":
        sys.stderr.write("xdg-open: from inside the sandbox only addresses (https://...) are opened, no files\n")
        return FAILED
    body = pad(pad(text(""), 4) + text(words[0]), 4)  # parent window, address
    body = pad(body + struct.pack("<I", 0), 8)  # no options: an empty array, and the padding before its first item
    try:
        bus = connect(os.environ.get("DBUS_SESSION_BUS_ADDRESS", ""))
        call(bus, 2, PORTAL, "OpenURI", "ssa{sv}", body)
    except OSError as error:
        sys.stderr.write(f"xdg-open: ask the desktop's portal: {error.strerror or error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
