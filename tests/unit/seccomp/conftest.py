"""Fixtures: the filters of each machine."""

from __future__ import annotations

import pytest

from tests.unit.seccomp.filters import MACHINES, Stack, default_stack

STACKS = {machine: default_stack(machine) for machine in MACHINES}


@pytest.fixture(params=MACHINES)
def stack(request: pytest.FixtureRequest) -> Stack:
    """The default policy on each machine."""
    return STACKS[request.param]
