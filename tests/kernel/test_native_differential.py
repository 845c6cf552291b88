"""bwrap and native, given the same random option list, show the same view inside, or refuse it alike.

What may differ is listed in `DOCUMENTED`, with its reason. ``NATIVE_EXAMPLES`` sets the number of lists (30);
``BWRAP`` names the bwrap to compare with. One before release 0.11 is only given options that it knows, and its
messages may differ.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sandbox_venv.launch.native.table import TABLE
from tests.harness import Tool, User
from tests.kernel.native_support import ROOT

pytestmark = pytest.mark.kernel

EXAMPLES = int(os.environ.get("NATIVE_EXAMPLES", "30"))
BASE_OPTIONS = ROOT[: ROOT.index("--proc")]

PROBE = r"""
import json, os, re, sys
def lines(path):
    try:
        with open(path, errors="surrogateescape") as file: return file.read().splitlines()
    except OSError as error: return [error.strerror]
view = {}
mounts = []
for line in lines("/proc/self/mountinfo"):
    if " - " not in line: continue
    left, right = line.split(" - ")
    fields = left.split(" ")
    mounts.append([fields[4], fields[3], ",".join(sorted(fields[5].split(","))), right])
view["mounts"] = sorted(mounts)
tree = {}
for top in sys.argv[2].split(":"):
    for directory, names, files in os.walk(top):
        if directory.count("/") > 6 or directory.startswith(("/t/proc", "/proc", "/usr")): names[:] = []; continue
        for name in ["", *names, *files]:
            path = os.path.join(directory, name)
            try: info = os.lstat(path)
            except OSError as error: tree[path] = error.strerror; continue
            entry = [oct(info.st_mode), info.st_uid, info.st_gid]
            if os.path.islink(path): entry.append(os.readlink(path))
            elif os.path.isfile(path) and info.st_size < 100:
                try:
                    with open(path, "rb") as file: entry.append(file.read(100).decode("latin1"))
                except OSError as error: entry.append(error.strerror)
            tree[path] = entry
view["tree"] = tree
view["env"] = dict(os.environ)
view["cwd"] = os.getcwd()
view["ids"] = [os.getresuid(), os.getresgid(), os.getgroups()]
view["status"] = [line for line in lines("/proc/self/status")
                  if line.startswith(("Cap", "NoNewPrivs", "Seccomp", "Umask", "SigBlk", "SigIgn", "SigCgt"))]
view["pids"] = [os.getpid() if os.getpid() < 100 else "many", os.getppid() if os.getppid() < 3 else "many"]
view["session"] = [os.getsid(0) == os.getpid(), os.getsid(0) == 0]
view["maps"] = [lines("/proc/self/" + name) for name in ("uid_map", "gid_map", "setgroups")]
view["hostname"] = os.uname().nodename
view["fds"] = sorted(int(fd) for fd in (os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else ()))
host = json.loads(sys.argv[1])
view["namespaces"] = {}
for name, link in host.items():
    try: view["namespaces"][name] = os.readlink("/proc/self/ns/" + name) == link
    except OSError as error: view["namespaces"][name] = error.strerror
view["net"] = sorted(line.split(":")[0].strip() for line in lines("/proc/self/net/dev")[2:])
pid = os.fork()
if not pid:
    import ctypes
    os._exit(0 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 1)
view["nested"] = os.waitpid(pid, 0)[1]
print(json.dumps(view, sort_keys=True))
"""

TABLE_NAMES = {name.decode() for name in TABLE}

DOCUMENTED = (
    # reason, pattern in either side's message
    (
        "a mount point behind a link that a sandbox may have planted is refused (as bwrap 0.12)",
        "a symbolic link on the way",
    ),
)


def find_bwrap() -> tuple[str, bool]:
    """Return a bwrap, and whether it is of release 0.11 or newer: the newest of those that are there."""
    found = []
    for path in (os.environ.get("BWRAP"), "/tmp/bw/build/bwrap", shutil.which("bwrap")):
        if path and os.access(path, os.X_OK):
            done = subprocess.run([path, "--version"], capture_output=True, text=True)
            found.append((tuple(map(int, re.findall(r"\d+", done.stdout)[:2])), path))
    if not found:
        pytest.skip("no bwrap to compare with: set BWRAP")
    version, path = max(found)
    return path, version >= (0, 11)


class World:
    """A small world of files, made anew for each run, and what is handed over as descriptors."""

    def __init__(self, path: Path, user: User) -> None:
        self.path = path
        self.user = user

    def make(self) -> None:
        if self.path.exists():
            shutil.rmtree(self.path)
        for name in ("src/sub", "share/in", "cwd"):
            self.user.makedirs(self.path / name)
        for name, text in (("src/a.txt", "A"), ("src/sub/b.txt", "B"), ("file.txt", "F"), ("share/s.txt", "S")):
            self.user.write(self.path / name, text)
        (self.path / "src/sub").chmod(0o710)
        for name, target in (("src/link", "a.txt"), ("lnk", "src"), ("dangling", "nowhere"), ("share/out", "in")):
            (self.path / name).symlink_to(target)
            self.user.own(self.path / name)

    def listing(self) -> dict[str, Any]:
        """Return what lies there afterwards."""
        found: dict[str, Any] = {}
        for top, names, files in os.walk(self.path):
            for name in (*names, *files):
                path = Path(top, name)
                info = path.lstat()
                text = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
                found[str(path)] = (oct(info.st_mode), info.st_uid, text)
        return found

    @contextlib.contextmanager
    def descriptors(self) -> Iterator[tuple[int, ...]]:
        """Open 40: a file's text, 41: another, 42: a directory, 43: an empty file, 44: a file by O_PATH."""
        opened = []
        for number, name, flags in (
            (40, "file.txt", os.O_RDONLY),
            (41, "src/a.txt", os.O_RDONLY),
            (42, "src", os.O_PATH),
            (43, "/dev/null", os.O_RDONLY),
            (44, "file.txt", os.O_PATH),
        ):
            fd = os.open(self.path / name, flags)
            os.dup2(fd, number, inheritable=True)
            os.close(fd)
            opened.append(number)
        try:
            yield tuple(opened)
        finally:
            for number in opened:
                os.close(number)


DESTS = "/t /t/a /t/a/b /t/f /d /d/e /x/y/z /tmp /t/../d /t//a/ t/rel /t/lnk /t/lnk/q /usr/local /usr/local/new /lib/q"
DESTS += " /t/g /m /n/o /n/p/q /run/r /tmp/s /t/u /d/v"  # more that work than that don't
DESTS += " /etc/hosts / /dev /t/proc {0}/share {0}/share/new {0}/share/out/x {0}/cwd"
SOURCES = "{0}/src {0}/file.txt {0}/share {0}/src/sub {0}/src/link {0}/lnk {0}/missing {0}/dangling"
SOURCES += " /dev/null /etc/passwd /etc ../src /proc/version /dev"


def options(world: str, root: bool) -> st.SearchStrategy[list[str]]:
    """Return lists of option lists."""
    dest = st.sampled_from(DESTS.format(world).split())
    source = st.sampled_from(SOURCES.format(world).split())
    mode = st.sampled_from(["0700", "0755", "1777", "0640", "0", "0604", "0711", "07777", "+17", "8", "10000"])
    fd = st.sampled_from(["40", "41", "43", "40", "41", " 40", "99", "-1", "4x"])

    def row(*parts: Any) -> st.SearchStrategy[list[str]]:
        return st.tuples(*[part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts]).map(list)

    binds = ["--bind", "--ro-bind", "--dev-bind", "--bind-try", "--ro-bind-try", "--dev-bind-try"]
    flags = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup"]
    flags += [
        "--unshare-all",
        "--share-net",
        "--unshare-user-try",
        "--unshare-cgroup-try",
        "--new-session",
        "--clearenv",
    ]
    flags += ["--die-with-parent", "--level-prefix"] * 2 + ["--unshare-pid", "--as-pid-1", "--unshare-user"] * 2
    flags += ["--disable-userns", "--assert-userns-disabled"]
    word = st.sampled_from(["A", "HOME", "PATH", "", "a=b", "PWD", "LC_CTYPE"])
    single = st.one_of(
        row(st.sampled_from(binds), source, dest),
        row(st.sampled_from(binds), source, dest),
        row(st.sampled_from(["--tmpfs", "--dir", "--remount-ro", "--mqueue"]), dest),
        row(st.sampled_from(["--tmpfs", "--dir"]), dest),
        row("--perms", mode, st.sampled_from(["--tmpfs", "--dir"]), dest),
        row("--perms", mode, st.sampled_from(["--file", "--bind-data", "--ro-bind-data"]), fd, dest),
        row("--size", st.sampled_from(["65536", "0x20000", "010000", "8192", "0", "-1"]), "--tmpfs", dest),
        row(st.sampled_from(["--file", "--bind-data", "--ro-bind-data"]), fd, dest),
        row(st.sampled_from(["--bind-fd", "--ro-bind-fd"]), st.sampled_from(["42", "44", "98"]), dest),
        row("--symlink", st.sampled_from(["a", "/t", "../d", f"{world}/src", "/etc/passwd"]), dest),
        row("--chmod", mode, dest),
        row("--proc", st.sampled_from(["/proc", "/t/proc"])),
        row("--dev", st.sampled_from(["/dev", "/t/dev"])),
        row("--overlay-src", source, "--tmp-overlay", dest),
        row("--overlay-src", source, "--overlay-src", source, "--ro-overlay", dest),
        row("--overlay-src", source, "--ro-overlay", dest),
        row(st.sampled_from(flags)),
        row(st.sampled_from(flags)),
        row("--setenv", word, word),
        row("--unsetenv", word),
        row("--chdir", dest),
        row("--hostname", st.sampled_from(["box", ""])),
        row(st.sampled_from(["--uid", "--gid"]), st.sampled_from(["0", "1234", "-1", "x", str(1 << 32)])),
        row(
            st.sampled_from(["--cap-add", "--cap-drop"]), st.sampled_from(["ALL", "cap_kill", "CAP_FOWNER", "nonsense"])
        ),
        row(st.sampled_from(["--perms", "--size", "--bind", "--nonsense", "--exec-label"]), "0700"),
    )
    usual = st.sampled_from(
        [[], ["--proc", "/proc"], ["--proc", "/proc", "--dev", "/dev"], ["--unshare-all", "--proc", "/proc"]]
    )
    return st.tuples(usual, st.lists(single, min_size=1, max_size=7)).map(
        lambda found: [*found[0], *itertools.chain.from_iterable(found[1])]
    )


def run(command: list[str], extra: list[str], world: World, env: dict[str, str]) -> tuple[int, Any, str, Any]:
    """Run one of the two; return status, view, message, and what the world looks like afterwards."""
    world.make()
    host = {
        name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
    }
    inner = [
        "/usr/bin/python3",
        "-I",
        "-S",
        "-c",
        PROBE,
        json.dumps(host),
        f"/t:/d:/x:/tmp:/run:/dev:/etc:{world.path}",
    ]
    identity: dict[str, Any] = {}
    if os.geteuid() != world.user.uid:
        identity = {"user": world.user.uid, "group": world.user.gid, "extra_groups": []}
    with world.descriptors() as descriptors:
        done = subprocess.run(
            [*command, *BASE_OPTIONS, *extra, "--", *inner],
            cwd=world.path / "cwd",
            env=env,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
            timeout=60,
            **identity,
        )
    text = done.stdout.decode("utf-8", "surrogateescape")
    view = json.loads(text) if text.startswith("{") else text
    return done.returncode, view, done.stderr.decode("utf-8", "surrogateescape"), world.listing()


def normalise(view: Any) -> Any:
    """Take out of a view what differs for a reason."""
    if not isinstance(view, dict):
        return view
    text = json.dumps(view)
    # the file behind --bind-data has a name that nobody can reach
    text = re.sub(r"/bindfile[^/\"]*//deleted", "/bindfile", text)
    # native gives overlay layers as descriptors: no path of the host shows
    text = re.sub(r"(lowerdir|upperdir|workdir)=[^, \"]*", r"\1=", text)
    text = re.sub(r"overlay rw,[^\"]*", "overlay rw", text)
    # the kernel leaves out what is the default of the moment
    text = text.replace(",inode64", "")
    found = json.loads(text)
    found["env"].pop("LC_CTYPE", None)  # set by the probe's own interpreter (PEP 538)
    return found


def words(message: str) -> str:
    """Return the part of a message that must be the same: what could not be done, and why."""
    message = re.sub(r"/(newroot|oldroot)/", "/", message)
    # which call meets a dangling link first
    calls = r"mkdir|mkdir parents for|create file|create file at|mount \w+ on"
    message = re.sub(rf"Can't ({calls}) (\S+: No such file)", r"Can't make \2", message)
    message = re.sub(r"bwrap: Can't (bind mount|make overlay mount).*", r"bwrap: Can't \1", message)
    return message.strip()


def test_same_view_or_same_refusal(tool: Tool, user: User) -> None:
    bwrap, recent = find_bwrap()
    help_text = subprocess.run([bwrap, "--help"], capture_output=True, text=True).stdout
    tool.require(user, "native")
    path = Path(tempfile.mkdtemp(dir=user.home)) / "world"
    user.own(path.parent)
    world = World(path, user)
    native = [str(tool.python), "-I", "-m", "sandbox_venv.launch.native"]
    env = {"HOME": str(path), "PATH": "/usr/bin:/bin", "A": "1", "LANG": "C.UTF-8"}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(options(str(path), user.is_root))
    def compare(extra: list[str]) -> None:
        if not recent and not all(word in help_text for word in extra if word.startswith("--") and word in TABLE_NAMES):
            return
        theirs = run([bwrap], extra, world, env)
        ours = run(native, extra, world, env)
        event("runs" if theirs[0] == 0 else "refused")
        if any(re.search(pattern, ours[2]) for _, pattern in DOCUMENTED):
            return
        if not recent and "--symlink" in extra and "File exists" in theirs[2]:
            return  # before 0.9.0 the same link, made twice, was refused
        if recent:
            assert words(ours[2]) == words(theirs[2])
        assert ours[0] == theirs[0]
        assert normalise(ours[1]) == normalise(theirs[1])
        assert ours[3] == theirs[3]

    compare()
