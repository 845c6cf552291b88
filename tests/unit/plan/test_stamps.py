"""What makes a plan stale: each input of it, and no more of them than a start can ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_venv.launch.planfile import SECTIONS, Plan, is_fresh
from sandbox_venv.plan.basics import Request
from sandbox_venv.plan.compile import stamps
from sandbox_venv.plan.options import UserOptions
from tests.unit.plan.test_compile import subject_in, world  # noqa: F401

INPUTS = {
    "a site-packages directory": "home/code/proj/.venv/lib/python3.11/site-packages/new",
    "pyvenv.cfg": "home/code/proj/.venv/pyvenv.cfg",
    "the base interpreter": "py/bin/python3.11",
    "its modules": "py/lib/python3.11/lib-dynload/new",
    "bwrap": "bwrap",
    "the options, the code and so the version: the record": "state/venvs/x/record.json",
    "the registry": "state/venvs/new",
    "the originals": "home/code/proj/.venv/sandbox/bin/new",
    "the entry points": "home/code/proj/.venv/bin/new",
    ".env": "home/code/proj/.env",
    "what the caller adds, settings and the tool's code": "extra",
}


def inputs(world: Path) -> list[bytes]:  # noqa: F811
    request = Request("run", b"", UserOptions(), {}, "/", "bwrap", str(world / "bwrap"))
    return stamps(subject_in(world), request, [str(world / "extra")])


@pytest.mark.parametrize("path", INPUTS.values(), ids=INPUTS)
def test_a_change_of_an_input_makes_the_plan_stale(world: Path, path: str) -> None:  # noqa: F811
    plan = Plan([b""] * SECTIONS)
    plan.stamps = inputs(world)
    assert is_fresh(plan)
    assert len(plan.stamps) < 2 * 20  # each start asks for each of them
    (world / path).write_text("changed")
    assert not is_fresh(plan)


def test_the_loaders_cache_is_an_input(world: Path) -> None:  # noqa: F811
    assert b"/etc/ld.so.cache" in inputs(world)
