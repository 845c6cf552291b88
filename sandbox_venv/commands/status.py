"""``status`` and ``list``: is it on, what is enforced, what changed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ..after import NOTES
from ..errors import SandboxError
from ..launch import planfile
from ..plan.explain import NETWORK, in_force
from ..plan.store import why_compile
from ..run import find_venv
from ..state import StateDir, open_state, read_regular
from ..venv.executable import read_executable
from ..venv.inspect import locate
from ..venv.record import RECORD, Record, find_record, has_originals, read_record
from .common import GREEN, RED, YELLOW, age, fold, paint, refuse_rest, say, say_json, take_flag, tilde
from .drift import find_drift
from .origins import option_rows
from .verify import take_venv

LAST_NOTES = 5
LONGEST_NOTE = 1000


def plan_state(record: Record, kind: str) -> dict[str, Any] | None:
    """Return what is known of the stored plan of a session kind; None where there is none yet."""
    path = os.fsencode(record.folder / f"{kind}.plan")
    try:
        plan = planfile.read(path)
        compiled = os.stat(path).st_mtime
    except (planfile.PlanError, OSError):
        return None
    stale = "" if planfile.is_fresh(plan) else why_compile(path)
    return {
        "kind": kind,
        "backend": os.fsdecode(plan.meta[b"backend"]),
        "age_seconds": int(time.time() - compiled),
        "fresh": not stale,
        "changed": stale,
        "enforced": [{"what": what, "in_force": yes, "detail": detail} for what, yes, detail in in_force(plan)],
        "c_launcher": bool(plan.records) and read_executable(record.code) is not None,
    }


def read_notes(record: Record) -> list[str]:
    """Return what sessions left that deserves a look."""
    try:
        return read_regular(record.folder / NOTES, 16 << 20, own=True).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return []


def describe(record: Record) -> dict[str, Any]:
    """Return all that ``status`` shows of a wrapped venv."""
    options, ignored = option_rows(record)
    return {
        "venv": str(record.venv),
        "wrapped": True,
        "project": str(record.project),
        "backend": record.backend,
        "base": str(record.base.executable),
        "tool_version": record.tool_version,
        "state": str(record.folder),
        "plans": [plan for kind in ("run", "install") if (plan := plan_state(record, kind))],
        "options": options,
        "ignored": ignored,
        "drift": [{"what": item.what, "problem": item.problem, "unsafe": item.unsafe} for item in find_drift(record)],
        "launchers": len(record.entries),
        "notes": read_notes(record),
    }


def status(words: list[str]) -> int:
    """Show whether a venv is wrapped, and how."""
    as_json = take_flag(words, "--json")
    venv = take_venv(words)
    refuse_rest("status", words)
    path = find_venv(venv)
    if path is None:
        raise SandboxError("status: there is no venv here", "name it: sandbox-venv status path/to/.venv")
    state = open_state()
    record = find_record(state, locate(path))
    anew = record is not None and not has_originals(record.venv)
    if record is None or anew:
        if as_json:
            say_json({"venv": path, "wrapped": False})
        else:
            why = "it was made anew since it was wrapped, and " if anew else ""
            say(f"{path}: {paint('not wrapped', RED)}: {why}its programs have all of your rights")
            say(f"to change that: sandbox-venv wrap {path}" + ("  (its options are kept)" if anew else ""))
        return 1
    data = describe(record)
    if as_json:
        say_json(data)
    else:
        show(data)
    return 0


def row(name: str, text: str, colour: str = "") -> None:
    """Print a row of the table, folded, its name in a colour."""
    first, *more = fold(f"  {name:10} ", text)
    say(first.replace(name, paint(name, colour), 1) if colour else first)
    for line in more:
        say(line)


def show(data: dict[str, Any]) -> None:
    """Print what ``describe`` returned, for people."""
    unsafe = any(item["unsafe"] for item in data["drift"])
    verdict = paint("wrapped, but not all of it starts in the sandbox", RED) if unsafe else paint("wrapped", GREEN)
    say(f"{data['venv']}: {verdict}")
    for name in ("project", "base", "state"):
        row(name, tilde(data[name]))
    for plan in data["plans"]:
        fresh = "nothing changed since" if plan["fresh"] else f"stale: {plan['changed']}"
        executor = plan["backend"] + (", C launcher" if plan["c_launcher"] else "")
        row(
            plan["kind"],
            f"compiled {age(plan['age_seconds'])} ago, {fresh} ({executor})",
            "" if plan["fresh"] else YELLOW,
        )
    if not data["plans"]:
        row("plans", f"none yet: the first start compiles (backend {data['backend']})")
    for item in data["plans"][0]["enforced"] if data["plans"] else []:
        mark, colour = ("yes", GREEN) if item["in_force"] else ("NO" if item["what"] != NETWORK else "--", YELLOW)
        row(mark, item["what"] + ("" if item["in_force"] else f": {item['detail']}"), colour)
    for item in data["options"]:
        row("option", f"{item['option']}  [{tilde(item['from'])}]")
    for item in data["ignored"]:
        row("ignored", f"{item['option']}  [{tilde(item['from'])}: sandbox-venv trust accepts it]", YELLOW)
    if not data["drift"]:
        row("launchers", f"{data['launchers']}, all as wrap wrote them")
    for item in data["drift"]:
        row("drift", f"{tilde(item['what'])}: {item['problem']}", RED)
    if data["drift"]:
        say(f"             to mend it: sandbox-venv repair {data['venv']}")
    if len(data["notes"]) > LAST_NOTES:
        row("notes", f"{len(data['notes'])} in {tilde(data['state'])}/{NOTES}, the last ones:")
    for note in data["notes"][-LAST_NOTES:]:
        row("note", note if len(note) <= LONGEST_NOTE else f"{note[:LONGEST_NOTE]} ... (all of it: --json)")


def all_records(state: StateDir) -> list[tuple[Path, Record | None, str]]:
    """Return (folder, record, problem) of everything that is registered, damaged records too."""
    found: list[tuple[Path, Record | None, str]] = []
    for folder in sorted(state.registry_dir.glob("*")):
        if not (folder / RECORD).exists():
            continue
        try:
            found.append((folder, read_record(folder), ""))
        except SandboxError as error:
            found.append((folder, None, error.message))
    return found


def list_venvs(words: list[str]) -> int:
    """List all wrapped venvs."""
    as_json = take_flag(words, "--json")
    refuse_rest("list", words)
    rows: list[dict[str, Any]] = []
    for folder, record, problem in all_records(open_state()):
        if record is None:
            rows.append({"state": str(folder), "venv": None, "backend": None, "condition": problem})
            continue
        drift = find_drift(record)
        condition = "ok" if not drift else drift[0].problem if len(drift) == 1 else f"{len(drift)} things differ"
        rows.append({"state": str(folder), "venv": str(record.venv), "backend": record.backend, "condition": condition})
    rows.sort(key=lambda row: (row["venv"] or "", row["state"]))
    if as_json:
        say_json(rows)
        return 0
    if not rows:
        say("no venv of yours is wrapped")
    for row in rows:
        good = row["condition"] == "ok"
        what = "" if good else f"  {row['condition']}"
        say(f"{paint('ok' if good else '--', GREEN if good else RED)}  {row['venv'] or row['state']}{what}")
    return 0
