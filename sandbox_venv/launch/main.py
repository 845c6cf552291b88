"""The start of a wrapped entry point: plan, checks, slots, backend, wait.

Hot: before the program nothing is imported but what is built into the interpreter, this package's own modules and, on
native, ``_ctypes``. A stale or missing plan is the only reason to import the cold half.
"""

from __future__ import annotations

import sys

from . import outside
from .call import variant_of
from .choose import load, own_plan, session_kind
from .failure import LaunchError, guarded
from .inside.system import os
from .session import Session
from .waiter import block_signals, end_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import planfile


def after(session: Session) -> None:
    """Do the host's part after a session: say what appeared, take over what an install left."""
    plan = session.plan
    found = session.slots.appeared()
    if found:
        from ..after import report_appeared

        report_appeared(plan.meta[b"dir"], found)
    if plan.meta[b"kind"] == b"install" and plan.meta.get(b"record"):
        from ..after import after_install

        after_install(plan.meta[b"dir"], session.argv)


def main(folder: bytes, name: bytes) -> None:
    """Run the entry point ``name`` of the venv whose plans are in ``folder``; never returns."""
    guarded(_main, folder, name)


def check_place(plan: planfile.Plan, name: bytes) -> None:
    """Refuse to run as the launcher of another venv: a copied venv's launchers still name the one they came from.

    Raises:
        LaunchError: the file that was started is not the one that stands in the venv.
    """
    bin_folder = plan.meta[b"bin"]
    try:
        same = os.path.samestat(os.stat(os.fsencode(sys.argv[0])), os.stat(bin_folder + b"/" + name))
    except OSError:
        same = False
    if not same:
        line = b"start %s: it is a copy of the launcher in %s" % (os.fsencode(sys.argv[0]), bin_folder)
        raise LaunchError(line, b"a venv can't be copied or moved: make it anew in its new place, and wrap it there")


def _main(folder: bytes, name: bytes) -> None:
    args = [os.fsencode(arg) for arg in sys.argv[1:]]
    variant = variant_of(os.environb)
    plan = load(folder, b"run", variant)
    check_place(plan, name)
    plan = own_plan(folder, plan, session_kind(plan.entries, name, args), variant, name)
    mask = block_signals()
    program = [plan.meta[b"bin"] + b"/" + name]
    if name == b"shell":
        program = [plan.meta[b"shell"]]
    session = Session(plan, outside.safe_path(plan, program + args), mask=mask)
    status = session.run()
    after(session)
    end_like(status)
