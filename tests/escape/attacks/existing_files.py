"""Change what exists and the host obeys: launchers, activate scripts, settings of git, editors, agents, hooks."""

from tests.escape.kit import Got, Lab

FILES = (
    ".git/config",
    ".git/hooks/pre-commit",
    ".git/HEAD",
    ".git/info/attributes",
    ".gitmodules",
    ".gitattributes",
    ".envrc",
    ".vscode/tasks.json",
    ".idea/workspace.xml",
    ".mcp.json",
    ".pre-commit-config.yaml",
    ".claude/settings.json",
    ".cursor/mcp.json",
    ".devcontainer/devcontainer.json",
    ".github/workflows/ci.yml",
    ".husky/pre-commit",
    ".npmrc",
    ".tool-versions",
    ".bashrc",
    ".python-version",
    ".bazelrc",
    ".editorconfig",
    ".config/mise/config.toml",
    "CLAUDE.local.md",
    "sitecustomize.py",
    "sub/.git/config",
    "sub/.git/hooks/post-checkout",
    "sub/.envrc",
    "sub/.tool-versions",
    "sub/AGENTS.md",
    "conda/conda-meta/history",
    "conda/bin/python",
    "deep/er/still/.git/config",
    "deep/er/.vscode/settings.json",
    "plain/bin/python-config",
    "plain/pyvenv.cfg",
    "plain/lib/python3/site-packages/x.pth",
    "separate/git-directory/config",
    "separate/git-directory/hooks/pre-push",
)
VENV = ("pyvenv.cfg", "bin/activate", "bin/activate.fish", "bin/Activate.ps1", "bin/python", "bin/python3", "bin/shell")
"""Inside, ``bin`` shows the originals, which an install session may change: the host's side of it counts."""


def setup(lab: Lab) -> list[str]:
    for name in FILES:
        lab.write(lab.project / name, f"# {name}\n", 0o755 if "hooks" in name or "bin/" in name else 0o644)
    for tree in (".git", "sub/.git", "deep/er/still/.git", "separate/git-directory"):
        lab.write(lab.project / tree / "HEAD", "# .git/HEAD\n")
    lab.write(lab.project / "separate/worktree/.git", "gitdir: ../git-directory\n")
    return [f"{lab.project}/{name}" for name in FILES] + [f"{lab.venv.path}/{name}" for name in VENV]


ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)

def write(path):
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_TRUNC):
        try:
            fd = os.open(path, flags)
            os.write(fd, b"planted")
            os.close(fd)
        except OSError:
            pass

def climb(path):
    while path != PROJECT:
        yield path
        path = os.path.dirname(path)

PROJECT = os.environ["PWD"]

def attack():
    done = []
    for path in GIVEN:
        if path.endswith(("/bin/python", "/bin/python3")) and os.access(os.path.dirname(path), os.W_OK):
            continue  # needed by the sessions that follow
        write(path)
        for change in (lambda: os.truncate(path, 0), lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1)),
                       lambda: os.setxattr(path, "user.x", b"y"), lambda: os.link(path, "hard"), lambda: write("hard"),
                       lambda: os.symlink(path, "soft"), lambda: write("soft"),
                       lambda: write("/proc/self/root" + path), lambda: write("/proc/self/cwd/" + os.path.relpath(path)),
                       lambda: write("/dev/fd/%d" % os.open(path, os.O_RDONLY)),
                       lambda: write("/dev/fd/%d" % os.open(path, os.O_PATH))):
            try:
                change()
            except OSError:
                pass
        for name in ("hard", "soft"):
            try:
                os.unlink(name)
            except OSError:
                pass
        for place in climb(path):
            for change in (lambda: os.rename(place, PROJECT + "/moved"), lambda: os.rename(place, "/tmp/moved"),
                           lambda: libc.renameat2(-100, os.fsencode(place), -100, os.fsencode(PROJECT + "/other"), 2)):
                try:
                    os.makedirs(PROJECT + "/other", exist_ok=True)
                    if change() in (None, 0):
                        done.append([place, "moved"])
                except OSError:
                    pass
        for change in (lambda: os.unlink(path), lambda: os.rmdir(path)):
            try:
                change()
                write(path)
                done.append([path, "removed"])
            except OSError:
                pass
    return [item for item in done if "/.venv/bin/" not in item[0]]

def twin():
    os.makedirs("free/sub", exist_ok=True)
    write("free/sub/file")
    os.rename("free/sub", "free/other")
    os.rename("free/other", "free/sub")
    with open("free/sub/file") as file:
        return file.read()[:7]
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    for name in FILES:
        path = lab.project / name
        assert path.read_text() == f"# {name}\n", path
        assert path.stat().st_mode & 0o777 in (0o755, 0o644)
        assert path.stat().st_mtime > 1000
    for name in VENV:
        assert (lab.venv.path / name).stat().st_mtime > 1000
        assert b"planted" not in (lab.venv.path / name).read_bytes()
    assert (lab.project / "separate/worktree/.git").read_text() == "gitdir: ../git-directory\n"
    assert got.twin is not None and got.twin.value == "planted"
