"""Compiles plans on demand: run by test_plan_differential.py as the venv's user, with the tool's own Python.

Arguments: the folder of the venv's record, a bwrap. For each line on stdin, ``[kind, backend, [option, ...]]`` as JSON, the plan of
that kind is stored in the place of the one that the launchers use, and a line comes back: ``null``, or why it can't be.
"""

import dataclasses
import functools
import json
import sys
from pathlib import Path

from sandbox_venv import probe
from sandbox_venv.elf import FactsCache
from sandbox_venv.errors import SandboxError
from sandbox_venv.plan import store
from sandbox_venv.plan.build import prepare
from sandbox_venv.state import StateDir
from sandbox_venv.venv.record import read_record

probe.find_bwrap = functools.cache(lambda: sys.argv[2])
record = read_record(Path(sys.argv[1]))
state = StateDir(record.folder.parents[1])
for line in sys.stdin:
    kind, backend, options = json.loads(line)
    changed = dataclasses.replace(record, backend=backend, options=tuple(options))
    answer = None
    try:
        with FactsCache(state.root / "facts") as facts:
            compiled = prepare(changed, state, kind, b"", facts)[1]
        store.store(changed, state, record.folder / f"{kind}.plan", compiled)
    except SandboxError as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
