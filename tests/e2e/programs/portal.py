"""A desktop's portal, faked on a bus of its own: says what it was asked, by whom, one JSON line each.

usage: portal.py CLIENT BUS LOG
CLIENT is the project's own minimal D-Bus client, BUS the socket of a dbus-daemon, which checks every message.
"""

from __future__ import annotations

import json
import os
import runpy
import struct
import sys

dbus = runpy.run_path(sys.argv[1])
bus = dbus["connect"](f"unix:path={sys.argv[2]}")
bus.settimeout(None)


def strings(data: bytes, count: int) -> list[str]:
    """Return the first strings of a body."""
    found, at = [], 0
    for _ in range(count):
        at += -at % 4
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size].decode())
        at += 5 + size
    return found


def read_call() -> tuple[int, dict[int, str], bytes]:
    """Return serial, header fields and body of the next call."""
    while True:
        head = dbus["read_exactly"](bus, 16)
        length, serial, listed = struct.unpack("<III", head[4:])
        raw = dbus["read_exactly"](bus, listed + -listed % 8)[:listed]
        body = dbus["read_exactly"](bus, length)
        fields, at = {}, 0
        while at < len(raw):
            at += -at % 8
            code, kind = raw[at], raw[at + 2 : at + 3]
            at += 4
            if kind == b"g":
                at += raw[at] + 2
            elif kind == b"u":
                at += 4
            else:
                (size,) = struct.unpack_from("<I", raw, at)
                fields[code] = raw[at + 4 : at + 4 + size].decode()
                at += 5 + size
        if head[1] == dbus["CALL"]:
            return serial, fields, body


for number, name in enumerate(("org.freedesktop.portal.Desktop", "org.example.Secret"), 2):
    dbus["call"](
        bus, number, dbus["BUS"], "RequestName", "su", dbus["pad"](dbus["text"](name), 4) + struct.pack("<I", 4)
    )
with open(sys.argv[3], "a", buffering=1) as log:
    log.write("ready\n")
    while True:
        serial, fields, body = read_call()
        sender = fields[7]
        told = dbus["call"](bus, serial + 1000, dbus["BUS"], "GetConnectionUnixProcessID", "s", dbus["text"](sender))
        (pid,) = struct.unpack_from("<I", told)
        asked = {"method": f"{fields[2]}.{fields[3]}", "program": os.readlink(f"/proc/{pid}/exe")}
        if fields[3] == "OpenURI":
            asked["address"] = strings(body, 2)[1]
        log.write(json.dumps(asked) + "\n")
        handle = dbus["text"]("/org/freedesktop/portal/desktop/request/1")
        fields_out = b"\x05\x01u\x00" + struct.pack("<I", serial)
        fields_out = dbus["pad"](fields_out, 8) + b"\x06\x01s\x00" + dbus["text"](sender)
        fields_out = dbus["pad"](fields_out, 8) + b"\x08\x01g\x00\x01o\x00"
        head = struct.pack("<cBBBIII", b"l", dbus["RETURN"], 0, 1, len(handle), serial + 5000, len(fields_out))
        bus.sendall(dbus["pad"](head + fields_out, 8) + handle)
