"""A session flips paths between a directory and a link while others start (runc CVE-2021-30465, CVE-2025-31133)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import Venv, plant_secrets, spawn_as

STARTS = int(os.environ.get("SANDBOX_VENV_RACING_STARTS", "10"))
"""So many starts race in each test; 400 of them make 2,000 for each backend and kind of user."""

FLIP = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder, target = sys.argv[1:]
folder = os.path.expanduser(folder)
os.makedirs(folder, exist_ok=True)
link = folder + "-link"
os.symlink(target, link)
print("flipping", flush=True)
while True:
    libc.renameat2(-100, os.fsencode(folder), -100, os.fsencode(link), 2)  # RENAME_EXCHANGE
"""


@contextmanager
def flipping(venv: Venv, folder: str, target: Path | str) -> Iterator[None]:
    """Have a session swap ``folder`` with a link to ``target`` as fast as it can."""
    process = venv.spawn("python", "-c", FLIP, folder, target)
    try:
        assert process.popen.stdout is not None
        assert process.popen.stdout.readline() == b"flipping\n"
        yield
    finally:
        process.signal(signal.SIGKILL)
        process.wait()


LOOK = """
import os, sys
texts = []
for top in sys.argv[1:]:
    for folder, _, names in os.walk(os.path.expanduser(top)):
        for name in names:
            try:
                texts.append(open(os.path.join(folder, name)).read())
            except (OSError, ValueError):
                pass
print("ran", texts)
"""


@pytest.fixture(params=["call", "stored"])
def how(request: pytest.FixtureRequest) -> str:
    """Where the options come from: one call (Python starts it), or the wrap (on ``native`` the C launcher does)."""
    return str(request.param)


def give(venv: Venv, how: str, options: str) -> dict[str, str]:
    """Give options in one of these ways; return what is to be in the starts' environment."""
    if how == "call":
        return {"BWRAP_ARGS": options}
    venv.wrap(*options.split()).check()
    venv.python("pass").check()
    return {}


def start_many(venv: Venv, given: dict[str, str], *looked: str) -> tuple[int, str]:
    """Return how many starts ran a program, and all output."""
    output, ran = "", 0
    for _ in range(STARTS // 2):
        argv = venv.argv("python", "-c", LOOK, *looked)
        pair = [spawn_as(venv.user, argv, cwd=venv.project, given=given) for _ in range(2)]
        for process in pair:
            done = process.wait(90)
            assert done.status in (0, 125), done
            ran += done.stdout.startswith("ran")
            output += done.stdout + done.stderr
    print(f"{venv.backend} as {venv.user}: {STARTS} starts, {ran} ran a program")
    return ran, output


def test_a_bind_source_that_flips_never_shows_what_the_link_names(venv: Venv, how: str) -> None:
    secrets = plant_secrets(venv.user)
    venv.user.makedirs(venv.project / "shared")
    given = give(venv, how, f"--bind {venv.project}/shared /shared --bind-try {venv.project}/shared /try")
    with flipping(venv, "shared", venv.user.home / ".ssh"):
        _, output = start_many(venv, given, "/shared", "/try")
    assert not [text for text in secrets.values() if text in output]


def test_a_mount_point_that_flips_leads_nothing_astray(venv: Venv) -> None:
    """Options of one call: what is stored is pinned in the session that flips, too."""
    home = venv.user.home
    secrets = plant_secrets(venv.user)
    before = sorted(path.relative_to(home) for path in home.rglob("*") if venv.project not in path.parents)
    venv.user.write(venv.project / "data" / "file", "data")
    options = f"--bind {venv.project}/data {home}/flip/a/b --ro-bind {venv.project}/data/file {home}/flip/file"
    with flipping(venv, "~/flip", f"/oldroot{home}/.ssh"):
        _, output = start_many(venv, {"BWRAP_ARGS": options}, "~/flip", "~/.ssh")
    assert not [text for text in secrets.values() if text in output]
    after = sorted(path.relative_to(home) for path in home.rglob("*") if venv.project not in path.parents)
    state = ".local/state"
    assert [p for p in after if not str(p).startswith(state)] == [p for p in before if not str(p).startswith(state)]


def test_a_protected_directory_that_flips_is_never_followed(venv: Venv, how: str) -> None:
    secrets = plant_secrets(venv.user)
    given = give(venv, how, "--tmpfs /nothing")
    with flipping(venv, "nested/.git", venv.user.home / ".ssh"):
        ran, output = start_many(venv, given, "nested")
    assert ran
    assert not [text for text in secrets.values() if text in output]
