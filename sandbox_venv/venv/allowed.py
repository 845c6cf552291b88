"""What must not be wrapped."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import SandboxError
from ..state import StateDir, user_home
from ..toolcode import tool_interpreter


def check_allowed(info_path: Path, project: Path, state: StateDir) -> None:
    """Refuse what must not be wrapped.

    Raises:
        SandboxError: one line that says why.
    """
    if not project.is_dir():
        reason = "it isn't a directory" if os.path.lexists(project) else "it isn't there"
        raise SandboxError(
            f"wrap {str(info_path)!r}: its project {str(project)!r}: {reason}", "name the directory: --project DIR"
        )
    homes = {user_home(), Path(os.path.realpath(user_home()))}
    if any(project == home or project in home.parents for home in homes):
        raise SandboxError(
            f"wrap {str(info_path)!r}: its project directory {str(project)!r} is or holds your home directory, "
            "which programs in the sandbox could then write",
            "name the directory that they may write: --project DIR",
        )
    for path in (project, info_path, info_path / "bin"):
        owner = os.lstat(path).st_uid
        if owner != os.geteuid():
            who = "root" if os.geteuid() == 0 else "you"
            raise SandboxError(
                f"wrap {str(info_path)!r}: {str(path)!r} belongs to uid {owner}, not to {who}",
                "run it as the owner of the project",
            )
    for path in (info_path, info_path / "bin"):
        if not os.access(path, os.W_OK | os.X_OK):
            raise SandboxError(f"wrap {str(info_path)!r}: {str(path)!r} is not writable", f"chmod u+w {path}")
    for what, path in (("state directory", state.root), ("the tool's own interpreter", tool_interpreter())):
        if project in path.parents:
            raise SandboxError(
                f"wrap {str(info_path)!r}: {what} {str(path)!r} lies in the project, where programs could write it",
                "set XDG_STATE_HOME elsewhere" if path == state.root else "install the tool outside the project",
            )
    if any(name.startswith(".unsafe_") for name in os.listdir(info_path / "bin")):
        raise SandboxError(
            f"wrap {str(info_path)!r}: it is wrapped already by the shell tool of the same name (bin/.unsafe_*)",
            f"undo that first: . {info_path}/bin/activate; deactivate_sandbox; or make the venv anew",
        )
