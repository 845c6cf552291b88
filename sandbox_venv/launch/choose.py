"""Which plan a start goes by: read, or compiled anew where it is stale or missing.

Hot, as `main`. A miss is the only reason to import the cold half.
"""

from __future__ import annotations

from . import outside, planfile
from .call import entry_variant, install_variant
from .inside.system import os


def plan_path(folder: bytes, kind: bytes, variant: bytes) -> bytes:
    """Return the path of a plan: one a session kind and variant."""
    if not variant:
        return b"%s/%s.plan" % (folder, kind)
    return b"%s/%s-%x.plan" % (folder, kind, int.from_bytes(variant, "little") % planfile.MODULUS)


def load(folder: bytes, kind: bytes, variant: bytes) -> planfile.Plan:
    """Return the fresh plan of that kind, compiled anew on a miss."""
    try:
        plan = planfile.read(plan_path(folder, kind, variant))
        expected = (folder, kind, variant)
        if (plan.meta[b"dir"], plan.meta[b"kind"], plan.meta[b"variant"]) == expected and planfile.is_fresh(plan):
            return plan
    except (planfile.PlanError, KeyError):
        pass
    import gc

    from ..refresh import compile_fresh

    gc.enable()  # launch/preload.py turned it off
    return compile_fresh(folder, kind, variant)


def session_kind(names: list[bytes], name: bytes, args: list[bytes]) -> bytes:
    """Return ``install`` where a plan's ENTRIES, the ``names``, say that this start installs, else ``run``."""
    if name.rstrip(b"0123456789.") in names:
        return b"install"
    if outside.is_python(name) and b" ".join(outside.python_main(args)) in names:
        return b"install"
    return b"run"


def own_plan(folder: bytes, plan: planfile.Plan, kind: bytes, variant: bytes, name: bytes) -> planfile.Plan:
    """Return the plan of an entry point's session: ``plan``, that of run sessions, where it has no other."""
    own = entry_variant(variant, plan.meta.get(b"own-plans", b"").split(b"\1"), name)
    if kind != b"run":
        return load(folder, kind, install_variant(own, os.environb))
    return plan if own == variant else load(folder, kind, own)
