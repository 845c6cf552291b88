"""What can this Python program reach? Tries what a rogue dependency tries, and what an honest one needs.

It is run twice by demo.py, without and with the sandbox, in a project and a home made for the purpose. What it
got goes into the JSON file that is named: two objects, thefts and work, attempt -> what it got; "" is nothing, and
"! …" what the attempt failed with.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

HOME = Path(os.environ["DEMO_HOME"])
"""The user's home by its real path: the sandbox has another one in $HOME, but a thief would know this one."""

PORT = int(os.environ["DEMO_PORT"])
CLONE_NEWUSER = 0x10000000


def read(path: Path) -> str:
    return path.read_text().strip()


def write(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("# demo was here\n")
    return f"wrote {path.name}"


def secrets_in_the_environment() -> str:
    found = [f"{name}={value}" for name, value in os.environ.items() if "canary" in value]
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            found += [
                text for text in (directory / "environ").read_text(errors="replace").split("\0") if "canary" in text
            ]
        except OSError:
            continue
    return found[0] if found else ""


def other_processes() -> str:
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if b"demo.py" in (directory / "cmdline").read_bytes():
                return f"saw demo.py, process {directory.name}"
        except OSError:
            continue
    return ""


def signal_the_caller() -> str:
    os.kill(int(os.environ["DEMO_PID"]), 0)
    return "could kill it"


def push_keys_into_the_terminal() -> str:
    fcntl.ioctl(0, termios.TIOCSTI, b"#")
    return "typed '#'"


def user_namespace() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    pid = os.fork()
    if not pid:
        os._exit(1 if libc.unshare(CLONE_NEWUSER) else 0)
    return "" if os.waitpid(pid, 0)[1] else "root in it"


def connect() -> str:
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as peer:
        return peer.recv(100).decode()


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def pool() -> str:
    code = "import multiprocessing as m; print(sum(m.get_context('fork').Pool(2).map(abs, range(-9, 0))))"
    return run(sys.executable, "-c", code)


def module(name: str) -> str:
    return run(sys.executable, "-c", f"import {name}; print('imported')")


THEFTS: dict[str, Callable[[], str]] = {
    "read ~/.ssh/id_ed25519": lambda: read(HOME / ".ssh/id_ed25519"),
    "read ~/.bash_history": lambda: read(HOME / ".bash_history"),
    "read a secret of the environment": secrets_in_the_environment,
    "write ~/.bashrc": lambda: write(HOME / ".bashrc"),
    "write .git/hooks/pre-commit": lambda: write(Path(".git/hooks/pre-commit")),
    "write in .venv/bin": lambda: write(Path(".venv/bin/demo")),
    "write outside of the project": lambda: write(HOME / "elsewhere.txt"),
    "see the machine's processes": other_processes,
    "signal the calling program": signal_the_caller,
    "push keys into the terminal": push_keys_into_the_terminal,
    "make a user namespace": user_namespace,
}

WORK: dict[str, Callable[[], str]] = {
    "read and write in the project": lambda: write(Path("result.txt")),
    "write a temporary file": lambda: write(Path(os.environ.get("TMPDIR", "/tmp"), f"demo-{os.getpid()}.txt")),
    "use the network": connect,
    "use a variable of .env": lambda: os.environ["DEMO_DOTENV"],
    "run git": lambda: run("git", "--version"),
    "run Python again (sys.executable)": lambda: run(sys.executable, "-c", "print('ran')"),
    "use a pool of processes": pool,
    "import ssl and sqlite3": lambda: module("ssl, sqlite3"),
}


def attempt(deed: Callable[[], str]) -> str:
    try:
        return deed()
    except Exception as error:
        return f"! {getattr(error, 'strerror', None) or error}"


def main() -> None:
    found = [{name: attempt(deed) for name, deed in group.items()} for group in (THEFTS, WORK)]
    Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
