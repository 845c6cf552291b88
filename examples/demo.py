"""`make run`: the same program without and with the sandbox, side by side.

Everything happens in .dev/demo: a home with planted secrets ("canaries"), a project with a repository and a venv.
The venv is wrapped, and reach.py is run in it. Ends with status 1 if the sandboxed run got a canary, could write
where it must not, or could not do an honest program's work.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOL = Path(sys.executable).parent / "sandbox-venv"
PYTHON = os.path.realpath(sys.executable)


def main() -> int:
    options = argparse.ArgumentParser(description="Show what a program in a wrapped venv can reach, and what not.")
    options.add_argument("--backend", default="auto", choices=("auto", "bwrap", "native"))
    options.add_argument(
        "--directory", type=Path, default=Path(".dev/demo"), help="is made anew (default: %(default)s)"
    )
    chosen = options.parse_args()
    directory = chosen.directory.absolute()
    home, project = directory / "home", directory / "project"
    canary = make_scene(home, project)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ},
        "HOME": str(home),
        "AWS_SECRET_ACCESS_KEY": canary,
    }
    print("+ sandbox-venv wrap .venv", flush=True)
    wrap = [TOOL, "wrap", ".venv", "--backend", chosen.backend]
    if status := subprocess.run(wrap, cwd=project, env=environment, check=False).returncode:
        return status  # it said why
    given = {"DEMO_HOME": home, "DEMO_PID": os.getpid(), "DEMO_PORT": serve()}
    print("+ python reach.py, and then .venv/bin/python reach.py\n", flush=True)
    plain = run_in_terminal([PYTHON, "reach.py"], project, environment, {**given, "DEMO_DOTENV": "from .env"})
    look_for_traces(plain[0], home, project)
    boxed = run_in_terminal([str(project / ".venv/bin/python"), "reach.py"], project, environment, given)
    look_for_traces(boxed[0], home, project)
    return report(plain, boxed, canary)


def make_scene(home: Path, project: Path) -> str:
    """Make the home with its secrets and the project with its venv; return the text that is secret."""
    if home.exists():
        subprocess.run(
            [TOOL, "unwrap", project / ".venv"], env={**os.environ, "HOME": str(home)}, capture_output=True, check=False
        )
        shutil.rmtree(home.parent)
    canary = f"canary-{secrets.token_hex(8)}"
    for name in (".ssh/id_ed25519", ".bash_history"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(canary + "\n")
        path.chmod(0o600)
    project.mkdir()
    print(f"In {project}:\n+ git init; python -m venv --without-pip .venv")
    subprocess.run(["git", "init", "--quiet", project], check=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)  # pip takes seconds
    (project / ".env").write_text('DEMO_DOTENV="from .env"\n')
    shutil.copy(HERE / "reach.py", project)
    return canary


def serve() -> int:
    """Say hello on a port of this machine, for as long as this program runs; return the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"a server answered")

    threading.Thread(target=answer, daemon=True).start()
    return int(server.getsockname()[1])


def run_in_terminal(
    argv: list[str], project: Path, environment: dict[str, str], given: dict[str, object]
) -> list[dict[str, str]]:
    """Run a program on a terminal of its own, which it may abuse, and return what it found.

    A person's shell comes first, with ``environment``; ``given`` is what is given to this one process.
    """
    result = project / "found.json"
    result.unlink(missing_ok=True)
    terminal, end = os.openpty()
    shell = ["setsid", "--ctty", "--wait", "/bin/sh", "-c", '"$@"; exit $?', "sh"]
    variables = ["env", *(f"{name}={value}" for name, value in given.items())]
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            [*shell, *variables, *argv, result.name],
            cwd=project,
            env=environment,
            stdin=end,
            stdout=end,
            stderr=errors,
            check=False,
        )
        errors.seek(0)
        text = errors.read()
    os.close(end)
    os.close(terminal)
    if done.returncode or not result.exists():
        sys.exit(f"{argv[0]} ended with status {done.returncode}:\n{text}")
    found: list[dict[str, str]] = json.loads(result.read_text())
    return found


def look_for_traces(found: dict[str, str], home: Path, project: Path) -> None:
    """Correct what a run believes to have written by what is really there, and remove it again."""
    for name, path in {
        "write ~/.bashrc": home / ".bashrc",
        "write outside of the project": home / "elsewhere.txt",
        "write .git/hooks/pre-commit": project / ".git/hooks/pre-commit",
        "write in .venv/bin": project / ".venv/bin/demo",
    }.items():
        if path.exists():
            path.unlink()
        elif found[name] and not found[name].startswith("!"):
            found[name] = "! only in its private home"


def report(plain: list[dict[str, str]], boxed: list[dict[str, str]], canary: str) -> int:
    """Print the table and return the exit status."""

    def cell(text: str) -> str:
        text = text.replace(canary, "the canary").removeprefix("! ") or "nothing"
        return text if len(text) <= 34 else text[:31] + "..."

    bad = ["a canary was read"] if canary in json.dumps(boxed) else []
    for group, title in enumerate(("What it must not reach", "What must work")):
        print(f"{title:36}{'without':36}in the sandbox")
        for name, got in boxed[group].items():
            right = bool(group) == (bool(got) and not got.startswith("!"))
            bad += [] if right else [name]
            print(f"  {name:34}{cell(plain[group][name]):36}{cell(got)}{'' if right else '   <- WRONG'}")
        print()
    if bad:
        print("Not as it must be: " + "; ".join(bad))
        return 1
    print("In the sandbox no canary was read, nothing was written outside of the project, and all work went on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
