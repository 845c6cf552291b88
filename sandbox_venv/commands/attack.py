"""``doctor --attack``: a safe set of attacks from inside a venv's own sandbox, counted."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import SandboxError
from ..run import Asked, find_venv
from .common import open_plan

TIMEOUT = 120


@contextmanager
def prepared(asked: Asked) -> Iterator[dict[str, Any]]:
    """Plant what the attacks are after in a directory of the user's home; yield what they are told."""
    opened = open_plan(asked)
    subject = opened.subject
    base = os.environ.get("XDG_CACHE_HOME", "")
    parent = base if base.startswith("/") and os.path.isdir(base) else subject.home
    folder = Path(tempfile.mkdtemp(prefix=".sandbox-venv-attack-", dir=parent))
    secret, name = secrets.token_hex(16), f"sandbox-venv-{secrets.token_hex(8)}"
    try:
        (folder / "secret").write_text(secret, encoding="ascii")
        with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as file:
            abstract.bind("\0" + name)
            file.bind(str(folder / "socket"))
            for server in (abstract, file):
                server.listen()
            yield {
                "secret_file": str(folder / "secret"),
                "home": parent,
                "secret": secret,
                "marker": str(folder),
                "abstract": name,
                "socket": str(folder / "socket"),
                "python": f"{subject.bin}/python",
                "site": subject.site[0] if subject.site else subject.base.stdlib,
                "git": f"{subject.project}/.git",
                "state": str(opened.state.root),
                "wrapped": subject.wrapped,
                "venv": subject.venv,
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def attack(venv: str | None) -> list[list[str]]:
    """Return (name, what it tries, ``stopped`` or ``came through``, detail) of each attack.

    Raises:
        SandboxError: the session could not be had.
    """
    asked = Asked()
    asked.venv = find_venv(venv) or ""
    source = resources.files(__package__).joinpath("attacks_inside.py").read_text(encoding="utf-8")
    with prepared(asked) as given:
        code = "import sys; sys.stdin.read()"  # a process of yours, to be seen
        marker = subprocess.Popen([sys.executable, "-c", code, given["marker"]], stdin=subprocess.PIPE)
        try:
            command = [f"{given['venv']}/bin/python"]
            if not given["wrapped"]:
                command = [sys.executable, "-P", "-m", "sandbox_venv", "run", "--venv", given["venv"] or ""]
                command += ["--", "python3"]
            done = subprocess.run(
                [*command, "-I", "-c", source, json.dumps(given)],
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "SANDBOX_VENV_TOKEN_OF_DOCTOR": given["secret"]},
            )
        finally:
            marker.communicate()
    try:
        outcomes: list[list[str]] = json.loads(done.stdout)
    except ValueError:
        reason = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        text = f"attack from inside {given['venv']}: the session failed: {reason[0]}"
        raise SandboxError(text, "see whether one starts: sandbox-venv run -- python -c pass") from None
    return outcomes
