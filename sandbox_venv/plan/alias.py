"""The path that a venv was made by, where a link lies on it: scripts in the venv name it in their first lines.

Inside, that path is one link to the real place. Its text is the venv's own checked path, and it lies in a directory
that no session can write; nothing is looked up through it while the sandbox is set up. What the venv's files say is
believed only where the path leads to this venv on the host.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ..state import read_regular
from ..venv.inspect import read_config
from .expose import Exposure, is_below
from .subject import Subject

FOREIGN = ("/proc", "/dev", "/sys")
MOST = 64 << 10
ACTIVATE = re.compile(r"^VIRTUAL_ENV=(['\"]?)(/[^'\"\n]*)\1$", re.MULTILINE)


def named_places(venv: str) -> list[str]:
    """Return the paths that the venv's own files give as its place: ``pyvenv.cfg`` and ``bin/activate``."""
    command = (read_config(Path(venv)) or {}).get("command", "")
    found = [command[command.index(" /") + 1 :]] if " /" in command else []
    if " -m venv " in command:
        found.append(command.rsplit(" ", 1)[1])
    with contextlib.suppress(OSError, ValueError):
        text = read_regular(os.path.join(venv, "bin", "activate"), MOST)
        found += [match[2] for match in ACTIVATE.finditer(os.fsdecode(text))]
    return found


def leads_here(path: str, venv: str) -> bool:
    """Tell whether ``path`` is another way to the venv, by a link above it."""
    if not path.startswith("/") or os.path.normpath(path) != path or path == venv:
        return False
    if any(is_below(path, top) for top in FOREIGN) or os.path.basename(path) != os.path.basename(venv):
        return False
    return os.path.realpath(path) == venv


def find_links(subject: Subject, exposure: Exposure, taken: Iterable[str]) -> dict[str, str]:
    """Return the links to make: path inside, and what it says.

    Args:
        subject: what is sandboxed.
        exposure: what is shown of the host.
        taken: mount points of the user's options.
    """
    venv, links = subject.venv, {}
    if venv is None:
        return {}
    others = [*taken, *exposure.links, *exposure.binds, subject.project, venv, f"{subject.home}/.cache"]
    for path in named_places(venv):
        if not leads_here(path, venv):
            continue
        place, target = os.path.dirname(path), os.path.dirname(venv)
        if os.path.dirname(place) == subject.home:  # the private home is writable: the link goes into a pin there
            place, target = path, venv
        direct = place == subject.home or os.path.dirname(place) == subject.home
        if not direct and place != "/" and not any(is_below(place, item) or is_below(item, place) for item in others):
            links[place] = target
    return links
