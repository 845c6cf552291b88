"""Programs of the system that a test needs: one place says what is missing. In CI a skip is a failure (conftest.py)."""

from __future__ import annotations

import shutil
import subprocess
from typing import NoReturn

import pytest

from tests.support.base import IN_CI, system_python

PACKAGES = {
    "xwd": "x11-apps",
    "dbus-daemon": "dbus-daemon",
    "Xvfb": "xvfb",
    "tkinter": "python3-tk",
    "gcc": "gcc",
    "pactl": "pulseaudio-utils",
    "apparmor_parser": "apparmor",
}
"""Debian packages that are named otherwise than what is in them"""


def need(*names: str, modules: tuple[str, ...] = ()) -> str:
    """Skip the test where a program isn't on PATH, or the system's Python lacks a module; in CI fail instead.

    Return where the first program is.
    """
    missing = [name for name in names if not shutil.which(name)]
    for name in modules:
        done = subprocess.run([system_python(), "-c", f"import {name}"], capture_output=True, check=False)
        missing += [name] if done.returncode else []
    if missing:
        packages = " ".join(PACKAGES.get(name, name) for name in missing)
        lack(f"{', '.join(missing)}: not installed (apt install {packages})")
    return shutil.which(names[0]) or "" if names else ""


def lack(text: str) -> NoReturn:
    """Skip the test for what this machine lacks; in CI fail instead."""
    if IN_CI:
        pytest.fail(text)
    pytest.skip(text)
