"""What the C launcher leaves to Python after a session: it tells what appeared, and what a program couldn't see."""

from __future__ import annotations

import sys

from . import planfile, slots
from .call import entry_variant
from .failure import guarded
from .inside.system import os
from .main import KILLED, plan_path
from .waiter import end_like


def main(folder: bytes) -> None:
    """Do the host's part after a session and end as the program ended; never returns.

    ``sys.argv``: raw wait status; project; two numbers; so many protected names that were at its top, so many paths
    of protected names below it; the program's argv.
    """
    guarded(_main, folder)


def _main(folder: bytes) -> None:
    status, project, at_top, below, *rest = [os.fsencode(arg) for arg in sys.argv[1:]]
    names, paths = rest[: int(at_top)], rest[int(at_top) : int(at_top) + int(below)]
    argv = rest[int(at_top) + int(below) :]
    try:
        plan = planfile.read(plan_path(folder, b"run", b""))
        variant = entry_variant(b"", plan.meta.get(b"own-plans", b"").split(b"\1"), os.path.basename(argv[0]))
        if variant:
            plan = planfile.read(plan_path(folder, b"run", variant))
    except planfile.PlanError:  # unwrapped meanwhile
        end_like(int(status))
        return
    if int(status) in (1 << 8, 2 << 8):
        from ..hints import hint_unseen

        hint_unseen(plan, argv, os.getcwdb(), int(status) >> 8)
    if int(status) in KILLED:
        from ..memory import explain_kill

        explain_kill()
    seen = slots.Slots(plan.protect, plan.meta.get(b"nested-names", b"").split(b"\1"))
    seen.skip = {second for kind, second in zip(plan.slots[::3], plan.slots[2::3]) if kind[:2] == b"ro"}
    if project:
        seen.absent = [(project, [name for name in plan.protect if name not in names])]
        seen.nested = [(project, set(paths))]
    found = seen.appeared()
    if found:
        from ..after import report_appeared

        report_appeared(folder, found)
    end_like(int(status))
