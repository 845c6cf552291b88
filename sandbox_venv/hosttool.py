"""Programs of the host that the user names for a session: which file a name means.

Nothing here is trusted for being found: what is found is shown read-only and runs inside only. Hot for ``run`` with an
installer: ``os`` only.
"""

from __future__ import annotations

import os

from .errors import SandboxError

NAMING = ("--tool", "--shim")
"""Options that name such a program"""


def is_below(path: str, root: str) -> bool:
    """Tell whether ``path`` is ``root`` or lies below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def find_tool(name: str, avoid: list[str], path: str | None = None) -> str:
    """Return the absolute path of the program ``name`` on the caller's PATH, "" where there is none.

    Args:
        name: without a slash, or a path.
        avoid: directories that sessions write: what lies there, or is a link to there, is passed over.
        path: instead of ``$PATH``.
    """
    if "/" in name:
        places = [os.path.abspath(os.path.expanduser(name))]
    else:
        folders = (os.environ.get("PATH", "") if path is None else path).split(":")
        places = [os.path.join(folder, name) for folder in folders if folder.startswith("/")]
    for place in places:
        real = os.path.realpath(place)
        if any(is_below(item, root) for item in (place, real) for root in avoid):
            continue
        if os.path.isfile(real) and os.access(real, os.X_OK):
            return place
    return ""


def locate_tools(words: list[str], avoid: list[str]) -> list[str]:
    """Return options in which ``--tool`` and ``--shim`` name their program by its absolute path.

    Raises:
        SandboxError: there is no such program outside of what sessions write.
    """
    result = list(words)
    for at, word in enumerate(words[:-1]):
        if word in NAMING:
            found = find_tool(words[at + 1], avoid)
            if not found:
                hint = "install it outside of the project, or name its path"
                raise SandboxError(f"find {words[at + 1]!r} ({word}): no such program on your PATH", hint)
            result[at + 1] = found
    return result


def places_to_avoid() -> list[str]:
    """Return the directories around the caller that sessions may write, but for the home."""
    found = [os.getcwd()]
    if os.environ.get("VIRTUAL_ENV", "").startswith("/"):
        found.append(os.path.dirname(os.environ["VIRTUAL_ENV"]))
    homes = ("/", os.environ.get("HOME", "/"), os.path.realpath(os.environ.get("HOME", "/")))
    return [path for path in found if path not in homes]


def tool_of(name: str, venv: str, project: str) -> str:
    """Return the path of the host's program that a command of ``run`` names, "" where the venv has it or none is."""
    if "/" not in name and os.path.lexists(f"{venv}/sandbox/bin/{name}"):
        return ""
    return find_tool(name, [project, venv])
