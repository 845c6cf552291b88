"""What the C launcher leaves to Python after a session: comparing protected names, and telling what appeared."""

from __future__ import annotations

import os
import sys

from . import planfile, slots
from .failure import guarded
from .main import plan_path
from .waiter import end_like

MARK = b"\1"


def main(folder: bytes) -> None:
    """Compare and end as the program ended; never returns.

    ``sys.argv``: raw wait status, project, how many names follow that were at its top, these, and paths below it.
    """
    guarded(_main, folder)


def _main(folder: bytes) -> None:
    status, project, count, *names = [os.fsencode(arg) for arg in sys.argv[1:]]
    try:
        plan = planfile.read(plan_path(folder, b"run", b""))
    except planfile.PlanError:  # unwrapped meanwhile
        end_like(int(status))
        return
    at_top, below = names[: int(count)], names[int(count) :]
    seen = slots.Slots(plan.protect, plan.meta.get(b"nested-names", b"").split(MARK))
    seen.skip = {second for kind, second in zip(plan.slots[::3], plan.slots[2::3]) if kind[:2] == b"ro"}
    seen.absent = [(project, [name for name in plan.protect if name not in at_top])]
    seen.nested = [(project, set(below))]
    found = seen.appeared()
    if found:
        from ..after import report_appeared

        report_appeared(folder, found)
    end_like(int(status))
