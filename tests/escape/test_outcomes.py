"""What becomes of the corpus doesn't depend on the backend, nor on the run: each row the same, each time."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.escape.kit import WAYS, Got, Lab, Outcome, check_denied, load_attacks, run_batch, set_up
from tests.harness import BACKENDS, FEATURES, IS_ROOT, Base, Tool, make_project
from tests.support.users import new_user

RUNS = int(os.environ.get("SANDBOX_VENV_CORPUS_RUNS", "2"))
"""So often the corpus is tried on each backend, each time in a new venv."""

VARIES = {"environment"}
"""What returns texts of all processes, the launcher's command line among them: only that it came to its end is compared."""

Row = tuple[str, str, str]


def describe(lab: Lab, outcome: Outcome | None) -> str:
    """Return an outcome without what is a venv's or a process's own: paths, canaries, numbers of processes."""
    if outcome is None or not outcome.ok:
        return "none" if outcome is None else f"{outcome.kind} {outcome.error.partition(':')[0]} {outcome.errno}"
    text = json.dumps(outcome.value)
    for own in (*lab.secrets, str(lab.project), str(lab.home), lab.home.name, lab.venv.backend):
        text = text.replace(own, "*")
    return re.sub(r"\d{3,}", "N", text)


def rows_of(lab: Lab, way: str, results: dict[str, Got]) -> dict[Row, str]:
    """Return what became of each attack and each twin."""
    rows = {}
    for name, got in results.items():
        rows[way, name, "attack"] = got.attack.kind if name in VARIES else describe(lab, got.attack)
        rows[way, name, "twin"] = describe(lab, got.twin)
    return rows


@pytest.mark.full
@pytest.mark.parametrize("who", ["root", "user"] if IS_ROOT else ["user"])
def test_outcomes_are_the_same_on_each_backend_and_in_each_run(who: str, base: Base, tool: Tool) -> None:
    attacks = load_attacks()
    seen: dict[Row, dict[str, list[str]]] = {}
    for run in range(RUNS):
        for backend in BACKENDS:
            user = new_user(base, who)
            tool.require(user, *FEATURES[backend])
            lab = Lab(make_project(tool, user, backend))
            lab.venv.wrap().check()
            try:
                set_up(lab, attacks)
                for way in WAYS:
                    results = run_batch(lab, way, attacks)[0]
                    for name, got in results.items():
                        getattr(attacks[name], "check", lambda _, got: check_denied(got))(lab, got)
                    for row, what in rows_of(lab, way, results).items():
                        seen.setdefault(row, {}).setdefault(what, []).append(f"{backend} {run}")
            finally:
                for clean in lab.cleanups:
                    clean()
    different = {row: whats for row, whats in seen.items() if len(whats) > 1}
    print(f"as {who}: {len(seen)} rows, {RUNS} runs on each of {len(BACKENDS)} backends, {len(different)} rows differ")
    assert different == {}
