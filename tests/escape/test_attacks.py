"""Every attack of ``attacks/``: on both backends, as root and as an ordinary user, in run and install sessions."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.escape.kit import WAYS, Got, Lab, applies, check_denied, load_attacks, run_batch, set_up
from tests.harness import BACKENDS, FEATURES, IS_ROOT, Base, Result, Tool, make_project
from tests.support.users import new_user

ATTACKS = load_attacks()
CASES = [(name, way) for way in WAYS for name, module in ATTACKS.items() if applies(module, way)]
Batch = tuple[Lab, dict[str, Got], Result]


@pytest.fixture(scope="module", params=["root", "user"] if IS_ROOT else ["user"])
def who(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=BACKENDS)
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def lab(who: str, where: str, base: Base, tool: Tool) -> Iterator[Lab]:
    """A wrapped venv with everything planted, before the first plan of it is compiled."""
    user = new_user(base, who)
    tool.require(user, *FEATURES[where])
    venv = make_project(tool, user, where)
    made = Lab(venv)
    venv.wrap().check()
    set_up(made, ATTACKS)
    yield made
    for clean in made.cleanups:
        clean()


@pytest.fixture(scope="module")
def batches(lab: Lab) -> dict[str, tuple[dict[str, Got], Result]]:
    """The outcomes of each kind of session, one start each."""
    return {way: run_batch(lab, way, ATTACKS) for way in WAYS}


@pytest.mark.parametrize(("name", "way"), CASES, ids=[f"{way}-{name}" for name, way in CASES])
def test_attack(name: str, way: str, lab: Lab, batches: dict[str, tuple[dict[str, Got], Result]]) -> None:
    module: ModuleType = ATTACKS[name]
    got = batches[way][0][name]
    check = getattr(module, "check", None)
    if check:
        check(lab, got)
    else:
        check_denied(got)


def test_no_secret_shows_anywhere(lab: Lab, batches: dict[str, tuple[dict[str, Got], Result]]) -> None:
    for _, done in batches.values():
        shown = [text for text in lab.secrets if text in done.stdout or text in done.stderr]
        assert not shown, done
