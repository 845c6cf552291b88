"""One venv with many packages for the tests of whole tools: an installation takes a minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FEATURES, Base, Tool, User, Venv, make_project
from tests.support.users import new_user, ordinary_account

PACKAGES = (
    "coverage", "debugpy", "flask", "gunicorn", "hypothesis", "ipykernel", "ipython", "jupyter_client", "nox", "pip-tools",
    "pyright[nodejs]", "pytest", "pytest-xdist", "python-lsp-server", "setuptools", "tox", "uvicorn", "virtualenv",
)  # fmt: skip


@pytest.fixture
def toolbox(base: Base, tool: Tool, backend: str) -> Venv:
    """An ordinary user's wrapped venv with ``PACKAGES``, one a backend for the whole session: not to be changed.

    Its project is writable from inside: each test has a directory of its own there, see :func:`place`.
    """

    def make() -> str:
        user = new_user(base, "user")
        tool.require(user, *FEATURES[backend])
        venv = make_project(tool, user, backend, name="toolbox", pip=True, packages=PACKAGES)
        venv.wrap().check()
        return str(user.home)

    home = Path(base.once(f"toolbox-{backend}", make))
    account = ordinary_account(base)
    user = User(account.pw_name, account.pw_uid, account.pw_gid, home)
    return Venv(tool, user, backend, home / "toolbox", home / "toolbox" / ".venv")


@pytest.fixture
def place(toolbox: Venv, request: pytest.FixtureRequest) -> Path:
    """A directory in the toolbox's project for this test alone."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return toolbox.user.makedirs(toolbox.project / name)


@pytest.fixture
def preset_venv(tool: Tool, ordinary_user: User, backend: str) -> Callable[..., Venv]:
    """Make a venv of an ordinary user, wrapped with presets."""

    def wrapped(*presets: str, wrap: bool = True, **more: Any) -> Venv:
        tool.require(ordinary_user, *FEATURES[backend])
        venv = make_project(tool, ordinary_user, backend, **more)
        if wrap:
            venv.wrap("--preset", ",".join(presets)).check()
        return venv

    return wrapped
