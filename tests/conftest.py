"""Fixtures of every test directory; see tests/harness.py for what they hand out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import (
    BACKENDS,
    FEATURES,
    IN_CI,
    IS_ROOT,
    Base,
    Tool,
    User,
    Venv,
    fresh_user,
    install_tool,
    make_project,
    plant_secrets,
    remove_tree,
)
from tests.support.reuse import Reusable
from tests.support.users import clean_up, new_user

# Machines that run this are busy: how long an example takes says nothing about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

BASE = pytest.StashKey[Base]()


REPEATED = (
    "test_api", "test_c_launcher", "test_chains", "test_cli_settings", "test_faults", "test_leftovers",
    "test_main_script", "test_ordinary", "test_races", "test_seed_shell_tests", "test_signals",
)  # fmt: skip
"""Files whose tests cost seconds: `make test` has them as root on native, and as an ordinary user on both backends."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave root on bwrap to `make test-all`, where that repeats much."""
    for item in items:
        if "root-bwrap" in item.name and item.path.stem in REPEATED:
            item.add_marker(pytest.mark.full)


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's directory in the controller; workers are told where it is."""
    known = getattr(config, "workerinput", None)
    config.stash[BASE] = Base(Path(known["base"])) if known else Base.create()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the session made, once, after its last worker."""
    if not hasattr(config, "workerinput"):
        clean_up(config.stash[BASE])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a new worker of pytest-xdist where the session's directory is."""
    node.workerinput["base"] = str(node.config.stash[BASE].path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """In CI nothing is skipped: a missing feature or program is a failure there."""
    report: Any = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def base(pytestconfig: pytest.Config) -> Base:
    """The session's world-readable directory."""
    return pytestconfig.stash[BASE]


@pytest.fixture(scope="session")
def tool(base: Base) -> Tool:
    """The built wheel, installed."""
    return install_tool(base)


@pytest.fixture(params=["root", "user"] if IS_ROOT else ["user"])
def who(request: pytest.FixtureRequest) -> str:
    """Root (where the run is root's) and an ordinary user."""
    return str(request.param)


@pytest.fixture
def user(who: str, base: Base) -> Iterator[User]:
    """Each of both, with an empty home."""
    with fresh_user(base, who) as found:
        yield found


@pytest.fixture
def ordinary_user(base: Base) -> Iterator[User]:
    """The ordinary user alone, with an empty home."""
    with fresh_user(base, "user") as found:
        yield found


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend's name. The fixtures that make venvs ask the probe whether it works here."""
    return str(request.param)


@pytest.fixture
def secrets_of(user: User) -> dict[Path, str]:
    """Files with unique texts in the user's home, which no sandbox may show: path -> text."""
    return plant_secrets(user)


@pytest.fixture
def make_venv(tool: Tool, user: User, backend: str) -> Callable[..., Venv]:
    """Make a project with a venv and wrap it: see :func:`tests.harness.make_project`.

    More arguments: ``wrap=False`` leaves it plain; ``wrap_options`` go to ``wrap``.
    """

    def make(*, wrap: bool = True, wrap_options: tuple[Any, ...] = (), **more: Any) -> Venv:
        tool.require(user, *FEATURES[backend])
        venv = make_project(tool, user, backend, **more)
        if wrap:
            venv.wrap(*wrap_options).check()
        return venv

    return make


Lend = Callable[..., AbstractContextManager[Venv]]


@pytest.fixture(scope="session")
def lend(base: Base, tool: Tool) -> Lend:
    """Lend a wrapped venv of this worker's, to be changed: what a test changed in it itself isn't used again."""
    kept: dict[tuple[object, ...], Reusable] = {}

    @contextmanager
    def lent(who: str, backend: str, **more: bool) -> Iterator[Venv]:
        key = (who, backend, *more.items())
        found = kept.pop(key, None) or Reusable.make(base, tool, who, backend, **more)
        found.compile()
        yield found.venv
        if found.restore():
            kept[key] = found
        else:
            remove_tree(found.venv.user.home)

    return lent


@pytest.fixture
def venv(who: str, backend: str, lend: Lend) -> Iterator[Venv]:
    """A wrapped venv without pip, with a plan, that this test may change; so is the home, which is empty before."""
    with lend(who, backend) as found:
        yield found


@pytest.fixture
def pip_venv(who: str, backend: str, lend: Lend) -> Iterator[Venv]:
    """The same, with pip."""
    with lend(who, backend, pip=True) as found:
        yield found


@pytest.fixture(scope="session")
def shared_venvs(base: Base, tool: Tool) -> Callable[[str, str], Venv]:
    """Wrapped venvs of this worker that tests share, one for each kind of user and backend."""
    made: dict[tuple[str, str], Venv] = {}

    def get(kind: str, backend: str) -> Venv:
        if (kind, backend) not in made:
            user = new_user(base, kind)
            tool.require(user, *FEATURES[backend])
            plant_secrets(user)
            venv = make_project(tool, user, backend)
            venv.wrap().check()
            made[kind, backend] = venv
        return made[kind, backend]

    return get


@pytest.fixture
def shared_venv(who: str, shared_venvs: Callable[[str, str], Venv], backend: str) -> Venv:
    """A wrapped venv for tests that only run programs: quicker than ``venv``, not to be changed.

    Secrets are planted in its user's home. Its ``project`` is writable from inside: use unique names there.
    """
    return shared_venvs(who, backend)
