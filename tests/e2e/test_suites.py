"""Suites of packages, as their authors wrote them, count the same inside as outside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FEATURES, Base, Tool, User, Venv, make_project, run_as, system_python
from tests.support.users import new_user, ordinary_account

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.registry, pytest.mark.slow]


@dataclass(frozen=True)
class Suite:
    """A package's tests: from its source distribution where the installed package has none."""

    package: str
    version: str
    arguments: tuple[str, ...]
    least: int
    """So many tests pass, else something else was counted"""
    sources: str = ""
    """What stands beside the tests in the source distribution and must not hide the installed package"""


SUITES = (
    Suite("attrs", "26.1.0", ("tests",), 1000, "src"),
    Suite("click", "8.5.1", ("tests",), 500, "src"),
    Suite("jinja2", "3.1.6", ("tests",), 800, "src"),
    Suite("numpy", "2.4.6", ("--pyargs", "numpy.random", "numpy.fft"), 500),
    Suite("starlette", "1.10.0", ("tests", "-o", "filterwarnings="), 500, "starlette"),
    Suite("uvicorn", "0.54.0", ("tests", "-o", "filterwarnings=", "-o", "addopts="), 500, "uvicorn"),
)
NEEDED = (
    *(f"{one.package}=={one.version}" for one in SUITES),
    "a2wsgi", "cloudpickle", "cryptography", "httptools", "httpx", "httpx2", "hypothesis", "itsdangerous",
    "opentelemetry-api", "opentelemetry-sdk", "pytest==9.2.0", "pytest-mock",
    "python-multipart", "python-dotenv", "pyyaml", "trio", "trustme", "uvloop", "watchfiles",
    "websockets", "wsproto",
)  # fmt: skip


@pytest.fixture
def suites(base: Base, tool: Tool, backend: str) -> Venv:
    """An ordinary user's wrapped venv with the packages and what their tests need, one a backend."""

    def make() -> str:
        user = new_user(base, "user")
        tool.require(user, *FEATURES[backend])
        venv = make_project(tool, user, backend, name="suites", pip=True, packages=NEEDED)
        venv.wrap("--ro-bind", "/usr", "/usr").check()  # click's tests start less(1) and sed(1)
        return str(user.home)

    home = Path(base.once(f"suites-{backend}", make))
    account = ordinary_account(base)
    user = User(account.pw_name, account.pw_uid, account.pw_gid, home)
    return Venv(tool, user, backend, home / "suites", home / "suites" / ".venv")


@pytest.mark.parametrize("suite", SUITES, ids=[one.package for one in SUITES])
def test_a_suite_counts_the_same_inside_as_outside(suites: Venv, suite: Suite) -> None:
    user = suites.user
    place = user.makedirs(suites.project / suite.package)
    if suite.sources:
        words: list[Any] = ["download", "-q", "--no-deps", "--no-binary", suite.package, "-d", place]
        suites.run("python", "-m", "pip", *words, f"{suite.package}=={suite.version}", timeout=240).check()
        (archive,) = place.glob("*.tar.gz")
        run_as(user, ["tar", "xf", archive, "--strip-components=1"], cwd=place).check()
        run_as(user, ["rm", "-r", suite.sources], cwd=place).check()
    (site,) = suites.path.glob("lib/python3*/site-packages")
    rest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *suite.arguments]
    env = {"PYTHONPATH": site, "PYTHONDONTWRITEBYTECODE": "1"}
    outside = run_as(user, [system_python(), "-S", *rest], cwd=place, env=env, timeout=400)
    inside = suites.run("python", *rest, cwd=place, timeout=400)
    assert counts(inside.stdout) == counts(outside.stdout), inside
    assert counts(inside.stdout)["passed"] > suite.least


def counts(text: str) -> dict[str, int]:
    """Return what pytest's last line counts."""
    last = text.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|xfailed|errors?)", last)}
