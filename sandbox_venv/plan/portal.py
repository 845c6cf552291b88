"""What the preset ``desktop`` needs of the host: a D-Bus proxy that root installed, from a fixed path."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..policy.presets import FOLDER
from ..probe import find_roots

PROXY_PATHS = ("/usr/bin/xdg-dbus-proxy", "/usr/local/bin/xdg-dbus-proxy")


def find_proxy() -> str:
    """Return the path of an xdg-dbus-proxy that only root can have changed, "" where there is none."""
    return find_roots(PROXY_PATHS) or ""


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
