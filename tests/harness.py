"""What the tests stand on, in one place to import from; each part is described where it lives.

Tests run the *installed wheel*, from a place which an ordinary user can read, and start programs as a person's
shell would: from a parent that has the session's environment and that the tool may look at.
"""

from __future__ import annotations

from tests.support.base import IN_CI, IS_ROOT, ROOT, Base, remove_tree, system_python
from tests.support.process import Process, Result, run_as, session_environment, spawn_as
from tests.support.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, Terminal
from tests.support.tool import BACKENDS, FEATURES, Tool, build_wheel, install_tool, make_environment
from tests.support.users import User, fresh_user, plant_secrets
from tests.support.venvs import Venv, make_project

__all__ = [
    "BACKENDS",
    "CTRL_BACKSLASH",
    "CTRL_C",
    "CTRL_D",
    "CTRL_Z",
    "FEATURES",
    "IN_CI",
    "IS_ROOT",
    "ROOT",
    "Base",
    "Process",
    "Result",
    "Terminal",
    "Tool",
    "User",
    "Venv",
    "build_wheel",
    "fresh_user",
    "install_tool",
    "make_environment",
    "make_project",
    "plant_secrets",
    "remove_tree",
    "run_as",
    "session_environment",
    "spawn_as",
    "system_python",
]
