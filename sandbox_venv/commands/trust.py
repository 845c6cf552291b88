"""``trust``: accept what the project's own files say about the sandbox itself, as it is now."""

from __future__ import annotations

from ..errors import SandboxError
from ..plan.dotenv_file import read_dotenv
from ..run import Asked
from .common import place_of, refuse_rest, say
from .verify import take_venv


def trust(words: list[str]) -> int:
    """Pin the project's ``.env`` as it is now."""
    asked = Asked()
    asked.venv = take_venv(words)
    refuse_rest("trust", words)
    record, state = place_of(asked)
    path = f"{record.project}/.env"
    dotenv = read_dotenv(path)
    if dotenv.problem or not dotenv.digest:
        raise SandboxError(f"trust {path}: {dotenv.problem or 'it is not there, or empty'}")
    state.write_atomic(record.folder / "trusted-env", (dotenv.digest + "\n").encode())
    for name, value in dotenv.control.items():
        say(f"{name}={value}")
    say(f"sandbox-venv: {path} is trusted as it is now")
    return 0
