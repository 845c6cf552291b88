"""Who runs the tool in a test: root, or an ordinary user, each with a home that one test has for itself."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.base import IS_ROOT, Base, remove_tree

USER_PREFIX = "svtest-"
COMMENT = "sandbox-venv test run"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who runs the tool: an account and a home directory that one test has for itself."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    def __str__(self) -> str:
        return "root" if self.is_root else "user"

    def makedirs(self, path: Path, mode: int = 0o755) -> Path:
        """Make ``path`` below the home, with what is missing above it, all owned by this user."""
        missing = []
        while not path.exists():
            missing.append(path)
            path = path.parent
        for item in reversed(missing):
            item.mkdir(mode)
            self.own(item)
            path = item
        return path

    def own(self, path: Path) -> Path:
        """Give ``path`` itself to this user."""
        if os.geteuid() != self.uid:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path

    def own_tree(self, path: Path) -> Path:
        """Give ``path`` and everything in it to this user."""
        if os.geteuid() != self.uid:
            self.own(path)
            for top, names, files in os.walk(path):
                for name in (*names, *files):
                    self.own(Path(top, name))
        return path

    def write(self, path: Path, text: str | bytes, mode: int = 0o644) -> Path:
        """Write a file of this user's, below the home."""
        self.makedirs(path.parent)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return self.own(path)


def ordinary_account(base: Base) -> pwd.struct_passwd:
    """Return the ordinary user's account: the invoking one, or as root one made for this test session.

    ``SANDBOX_VENV_TEST_USER`` names an existing account to borrow instead.
    """
    if not IS_ROOT:
        return pwd.getpwuid(os.geteuid())
    name = base.once("user", lambda: os.environ.get("SANDBOX_VENV_TEST_USER") or create_user(base))
    return pwd.getpwnam(name)


def create_user(base: Base) -> str:
    """Make an ordinary account and return its name. Accounts of test runs that were killed go first."""
    for account in pwd.getpwall():
        if account.pw_name.startswith(USER_PREFIX) and account.pw_gecos.startswith(COMMENT):
            directory = account.pw_gecos.removeprefix(COMMENT).strip()
            if not Path(directory).exists():
                remove_user(account.pw_name)
    name = USER_PREFIX + secrets.token_hex(4)
    comment = f"{COMMENT} {base.path}"
    command = ["useradd", "--create-home", "--shell", "/bin/bash", "--comment", comment, name]
    for attempt in range(20):  # /etc/passwd may be locked by another run
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            break
        time.sleep(0.2 * attempt)
    else:
        message = f"cannot create an ordinary user: {done.stderr.strip()}"
        raise RuntimeError(message)
    home = Path(pwd.getpwnam(name).pw_dir)
    home.chmod(0o755)
    return name


def remove_user(name: str) -> None:
    """End what still runs under an account that a test run made, and remove it."""
    with contextlib.suppress(KeyError):
        uid = pwd.getpwnam(name).pw_uid
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if process.stat().st_uid == uid:
                    os.kill(int(process.name), signal.SIGKILL)
        home = Path(pwd.getpwnam(name).pw_dir)
        subprocess.run(["userdel", "--remove", "--force", name], capture_output=True, check=False)
        if home.exists():
            remove_tree(home)


def homes(base: Base, account: pwd.struct_passwd) -> Path:
    """Return the directory in which the tests' homes of ``account`` are made.

    Not below /tmp: the sandbox has a /tmp of its own, so what can't be reached there would prove nothing.
    """
    made_for_tests = account.pw_name.startswith(USER_PREFIX)
    if made_for_tests:
        return Path(account.pw_dir)

    def make() -> str:
        parent = Path("/home") if os.access("/home", os.W_OK) else Path(account.pw_dir)
        path = Path(tempfile.mkdtemp(prefix=".sandbox-venv-test-", dir=parent))
        path.chmod(0o755)
        os.chown(path, account.pw_uid, account.pw_gid)
        return str(path)

    return Path(base.once(f"home-{account.pw_name}", make))


def clean_up(base: Base) -> None:
    """Remove what a test session made: its user, its homes, its directory."""
    record = base.path / "user.json"
    if record.exists() and (name := json.loads(record.read_text())).startswith(USER_PREFIX):
        remove_user(name)
    for record in base.path.glob("home-*.json"):
        remove_tree(Path(json.loads(record.read_text())))
    remove_tree(base.path)


def new_user(base: Base, kind: str) -> User:
    """Return ``root`` or the ordinary ``user`` with a new, empty home."""
    account = pwd.getpwuid(0) if kind == "root" else ordinary_account(base)
    home = Path(tempfile.mkdtemp(prefix="h", dir=homes(base, account)))
    user = User(account.pw_name, account.pw_uid, account.pw_gid, home)
    user.own(home)
    return user


@contextlib.contextmanager
def fresh_user(base: Base, kind: str) -> Iterator[User]:
    """Yield :func:`new_user`, and remove the home afterwards."""
    user = new_user(base, kind)
    try:
        yield user
    finally:
        remove_tree(user.home)


SECRETS = (
    ".ssh/id_canary",
    ".bash_history",
    ".netrc",
    ".aws/credentials",
    ".config/pip/pip.conf",
    ".gnupg/secring.gpg",
    "Documents/letter.txt",
)


def plant_secrets(user: User) -> dict[Path, str]:
    """Write files with unique texts into the user's home; a sandbox must show none of them."""
    planted = {}
    for name in SECRETS:
        text = f"canary-{secrets.token_hex(8)}"
        content = f"[global]\n# {text}\n" if name.endswith("pip.conf") else f"{text}\n"
        path = user.write(user.home / name, content, 0o600)
        planted[path] = text
    return planted
