"""What the preset ``desktop`` needs of the host: a D-Bus proxy that root installed, from a fixed path."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from ..policy.presets import FOLDER

PROXY_PATHS = ("/usr/bin/xdg-dbus-proxy", "/usr/local/bin/xdg-dbus-proxy")


def find_proxy() -> str:
    """Return the path of an xdg-dbus-proxy that root owns and nobody else can write, "" where there is none."""
    for path in PROXY_PATHS:
        try:
            status = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022:
            return path
    return ""


def portal_meta(calls: Sequence[str], interpreter: str) -> dict[str, str | bytes]:
    """Return what a plan's META says of the session bus: nothing where no preset asks for it, or no proxy is here.

    Args:
        calls: what may be called, as xdg-dbus-proxy(1) takes it.
        interpreter: the base interpreter, which runs ``xdg-open`` inside.
    """
    proxy = find_proxy() if calls else ""
    if not proxy:
        return {}
    text = FOLDER.with_name("xdg_open.py").read_bytes()
    opener = b"#!%s -IS\n%s" % (os.fsencode(interpreter), text)
    return {"dbus-proxy": proxy, "bus-calls": "\1".join(calls), "opener": opener}
