"""Where each option in force comes from, and what is asked for and ignored."""

from __future__ import annotations

import os
from typing import Any

from ..errors import SandboxError
from ..plan.dotenv_file import read_dotenv
from ..plan.options import cut_options
from ..plan.settings import project_path, read_settings
from ..state import read_regular
from ..venv.record import Record

CONTROL = ("BWRAP_ARGS", "SANDBOX_SECCOMP_ALLOW", "SANDBOX_USE_PIP_CACHE", "SANDBOX_ENV")
Rows = list[dict[str, Any]]


def is_trusted(record: Record, digest: str) -> bool:
    """Tell whether a ``.env`` with this digest was accepted."""
    try:
        return digest in read_regular(record.folder / "trusted-env", 1 << 16, own=True).decode("ascii").split()
    except (OSError, ValueError):
        return False


def settings_rows(record: Record) -> tuple[Rows, Rows]:
    """Return what the configuration files say: (in force, ignored)."""
    try:
        run, install = read_settings(record, "run"), read_settings(record, "install")
    except SandboxError as error:
        return [], [{"option": error.message, "from": "nothing starts until it is mended"}]
    rows = [{"option": option, "from": origin} for option, origin in run.origins if (option, origin) in install.origins]
    for kind, here, other in (("run", run, install), ("install", install, run)):
        rows += [
            {"option": option, "from": f"{origin}, {kind} sessions"}
            for option, origin in here.origins
            if (option, origin) not in other.origins
        ]
    ignored = dict.fromkeys([*run.ignored, *install.ignored])
    for name in run.entries:
        own = read_settings(record, "run", (name,))
        alone = [pair for pair in own.origins if pair not in run.origins]
        rows += [{"option": option, "from": f"{origin}, {name} alone"} for option, origin in alone]
        ignored.update(dict.fromkeys(own.ignored))
    return rows, [{"option": item.text(), "from": str(project_path(record))} for item in ignored]


def option_rows(record: Record) -> tuple[Rows, Rows]:
    """Return (options in force, those that are ignored until trusted), a later one winning over an earlier."""
    rows, ignored = settings_rows(record)
    rows += [{"option": " ".join(words), "from": "wrap"} for words in cut_options(list(record.options), where="wrap")]
    path = f"{record.project}/.env"
    dotenv = read_dotenv(path)
    said = [{"option": f"{name}={value}", "from": path} for name, value in dotenv.control.items()]
    if is_trusted(record, dotenv.digest):
        rows += said
    else:
        ignored += said
    given = [name for name in CONTROL if name in os.environ]
    rows += [{"option": f"{name}={os.environ[name]}", "from": "this shell's environment"} for name in given]
    return rows, ignored
