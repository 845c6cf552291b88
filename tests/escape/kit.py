"""What an attack is made of, and the place where it is tried.

An attack is a module in ``attacks/``: its docstring says what is tried, ``setup`` plants canaries on the host,
``ATTACK`` is the source that runs inside (``attack()``, and ``twin()``: the nearest thing that must work), ``check``
looks at the host afterwards. Where there is no ``check``, the attack must fail with an OSError and the twin must not.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import secrets
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.escape import attacks
from tests.harness import Result, Venv

BATCH = Path(__file__).with_name("batch.py")
SESSIONS = ("run", "install")
WAYS = ("run", "install", "launcher")
"""How a batch is started: by ``sandbox-venv run`` in each kind of session, or as a wrapped entry point of a run session,
which on ``native`` is the C launcher, where there is one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one function inside: ``value`` where it returned, else ``error`` with ``errno``."""

    kind: str
    value: Any = None
    error: str = ""
    errno: int | None = None

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


@dataclass(frozen=True, slots=True)
class Got:
    """What became of an attack and its twin, and all that the session said on stderr."""

    attack: Outcome
    twin: Outcome | None
    stderr: str


def outcome(answer: list[Any]) -> Outcome:
    """Return what batch.py wrote as an outcome."""
    if answer[0] == "ok":
        return Outcome("ok", value=answer[1])
    if answer[0] == "error":
        return Outcome("error", error=f"{answer[1]}: {answer[3]}", errno=answer[2])
    return Outcome("died", error=f"status {answer[1]}")


@dataclass(slots=True)
class Lab:
    """A wrapped venv with what the attacks' setups planted around it.

    ``secret`` returns a new unique text that no session may ever see; all of them are looked for in all output.
    """

    venv: Venv
    given: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    cleanups: list[Callable[[], object]] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.venv.project

    @property
    def home(self) -> Path:
        return self.venv.user.home

    def secret(self) -> str:
        text = f"canary-{secrets.token_hex(12)}"
        self.secrets.add(text)
        return text

    def write(self, path: Path, text: str | None = None, mode: int = 0o644) -> Path:
        """Write a file of the user's on the host, with a new secret in it where no text is given."""
        return self.venv.user.write(path, self.secret() + "\n" if text is None else text, mode)

    def mark(self, names: Iterable[str], mode: int = 0o644) -> list[str]:
        """Write files of the project that say their own names; return their paths."""
        return [str(self.write(self.project / name, f"# {name}\n", mode)) for name in names]

    def check_marks(self, names: Iterable[str]) -> None:
        """Demand that what `mark` wrote is as it was."""
        for name in names:
            assert (self.project / name).read_text() == f"# {name}\n", name

    def notes(self) -> str:
        """Return what sessions left that deserves a look, as ``status`` shows it."""
        (notes,) = (self.home / ".local/state/sandbox-venv/venvs").glob("*/notes")
        return notes.read_text()

    def shell(self, command: str, cwd: Path | None = None) -> Result:
        """Run a shell command on the host, as the user."""
        from tests.harness import run_as

        return run_as(self.venv.user, ["sh", "-c", command], cwd=cwd or self.project).check()

    def start(self, session: str, *words: Any, **more: Any) -> Result:
        """Run a command in a session of that kind."""
        return self.venv.sandbox("run", "--venv", self.venv.path, "--session", session, "--", *words, **more)


TAMPER = """
import os

def tamper(paths):
    done = []
    for path in paths:
        folder = os.path.dirname(path)
        for attempt in (lambda: open(path, "a").write("planted"), lambda: os.rename(path, path + "x"), lambda: os.unlink(path),
                        lambda: os.rename(folder, folder + "-x"), lambda: os.rename(os.path.dirname(folder), folder + "-y")):
            try:
                attempt()
                done.append(path)
            except OSError:
                pass
    return done + plant(path for path in paths if "hooks" in path)

def plant(paths):
    done = []
    for path in paths:
        try:
            open(os.path.dirname(path) + "/planted", "w").close()
            done.append("new beside " + path)
        except OSError:
            pass
    return done
"""
"""A beginning of attacks that change, replace or move files and the directories above, or put new ones beside hooks."""


def load_attacks() -> dict[str, ModuleType]:
    """Return the attacks by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(attacks.__path__))
    return {name: importlib.import_module(f"{attacks.__name__}.{name}") for name in names}


def set_up(lab: Lab, modules: dict[str, ModuleType]) -> None:
    """Have every attack plant what it needs."""
    for name, module in modules.items():
        setup = getattr(module, "setup", None)
        lab.given[name] = setup(lab) if setup else None


def applies(module: ModuleType, way: str) -> bool:
    """Tell whether an attack is for sessions that are started so."""
    return ("install" if way == "install" else "run") in getattr(module, "SESSIONS", SESSIONS)


def run_batch(lab: Lab, session: str, modules: dict[str, ModuleType]) -> tuple[dict[str, Got], Result]:
    """Run the attacks in one session, started in one of the WAYS."""
    listing = [(name, module.ATTACK, lab.given[name]) for name, module in modules.items() if applies(module, session)]
    folder = lab.venv.user.makedirs(lab.project / "batch")
    lab.write(folder / "batch.py", BATCH.read_text())
    lab.write(folder / f"{session}.json", json.dumps(listing))
    exported = {"EXPORTED_PLAIN": lab.secret(), "GITHUB_TOKEN": lab.secret(), "AWS_PROFILE": lab.secret()}
    given = {"GIVEN_PLAIN": "given", "GIVEN_API_KEY": lab.secret(), "PROXY_URL": f"http://u:{lab.secret()}@proxy:1"}
    words = ("python", "-B", "batch/batch.py", f"batch/{session}.json")
    start = lab.venv.run if session == "launcher" else partial(lab.start, session)
    done = start(*words, timeout=150, env=exported, given=given)
    _, mark, rest = done.stdout.partition("@@")
    assert mark, f"the batch did not come to its end\n{done}"
    answers = json.loads(rest.partition("@@")[0])
    results = {
        name: Got(outcome(both["attack"]), outcome(both["twin"]) if "twin" in both else None, done.stderr)
        for name, both in answers.items()
    }
    return results, done


def check_denied(got: Got) -> None:
    """The default check: the attack failed as a denied call does, the twin worked."""
    assert not got.attack.ok, f"it worked: {got.attack.value!r}"
    assert got.attack.kind == "error" and got.attack.errno is not None, got.attack
    if got.twin is not None:
        assert got.twin.ok, got.twin


def quote(path: Path) -> str:
    """Quote a path for the shell."""
    return shlex.quote(str(path))
