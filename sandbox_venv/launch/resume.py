"""What the C launcher leaves to Python after a session: it tells what appeared, and what a program couldn't see."""

from __future__ import annotations

import sys

from . import planfile, slots
from .call import entry_variant
from .choose import plan_path
from .failure import complain, guarded
from .inside.program import cannot_execute
from .inside.protocol import FAILED_EXEC
from .inside.system import os
from .session import KILLED
from .waiter import end_like


def main(folder: bytes) -> None:
    """Do the host's part after a session and end as the program ended; never returns.

    ``sys.argv``: raw wait status; project; two numbers; so many protected names that were at its top, so many paths
    of protected names below it; the program's argv. Or, where nothing ran: ``failed``; stage; errno; the step in the
    source's words; what it was about; the entry point's name.
    """
    guarded(_say_failed if sys.argv[1:2] == ["failed"] else _main, folder)


def _plan(folder: bytes, name: bytes) -> tuple[planfile.Plan, bytes]:
    """Return the plan that an entry point's run session has, and its path."""
    path = plan_path(folder, b"run", b"")
    plan = planfile.read(path)
    variant = entry_variant(b"", plan.meta.get(b"own-plans", b"").split(b"\1"), name)
    if variant:
        path = plan_path(folder, b"run", variant)
        plan = planfile.read(path)
    return plan, path


def _say_failed(folder: bytes) -> None:
    stage, number, step, about, name = [os.fsencode(arg) for arg in sys.argv[2:]]
    if int(stage) == FAILED_EXEC:
        complain(cannot_execute(about, int(number), is_there=bool(step)))
        end_like((127 if int(number) in (2, 20) else 126) << 8)
    from ..hints import say_failed_set_up

    try:
        plan, path = _plan(folder, name)
    except planfile.PlanError:
        say_failed_set_up(b"", None, int(number), step, about)
    else:
        say_failed_set_up(path, plan, int(number), step, about)
    end_like(125 << 8)


def _main(folder: bytes) -> None:
    status, project, at_top, below, *rest = [os.fsencode(arg) for arg in sys.argv[1:]]
    names, paths = rest[: int(at_top)], rest[int(at_top) : int(at_top) + int(below)]
    argv = rest[int(at_top) + int(below) :]
    try:
        plan, _ = _plan(folder, os.path.basename(argv[0]))
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
