"""`native.spawn`, as the plan launcher calls it: what fails never runs the program, and what dies takes it along."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.harness import Result, Tool, User, run_as

pytestmark = pytest.mark.kernel

PREPARE = r"""
import os, sys, time
from sandbox_venv.launch import linux, native
OPTIONS = (
    "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc "
    "--dev /dev --tmpfs /tmp --dir /a/b --ro-bind /etc/passwd /etc/passwd --bind /var/tmp /var/tmp --remount-ro / "
    "--unshare-all --unshare-user --disable-userns --hostname box --cap-drop ALL"
).encode().split()

def start(child_main, *more, modern=True, on_fail=None, **keywords):
    options = native.parse([*OPTIONS, *more])
    options.modern = modern
    options.on_fail = on_fail
    return native.spawn(options, child_main, **keywords)

def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def ran():
    os.write(1, b"ran\n")
    os._exit(0)
"""


@pytest.fixture
def python(tool: Tool, user: User) -> object:
    """Run Python code as the user, after `PREPARE`."""
    tool.require(user, "native")

    def run(code: str) -> Result:
        return run_as(user, [tool.python, "-I", "-c", PREPARE + code], timeout=300)

    return run


def test_child_main_runs_as_pid_1(python) -> None:
    done = python("print(wait(start(lambda: (os.write(1, b'%d\\n' % os.getpid()), os._exit(7)))))")
    assert done.check().stdout == "1\n7\n"


@pytest.mark.parametrize(
    ("more", "number", "line"),
    [
        ("b'--ro-bind', b'/none', b'/x'", 2, "bind /none read-only on /x: No such file or directory"),
        ("b'--dir', b'/usr/new'", 30, "make the directory /usr/new: Read-only file system"),
        ("b'--tmpfs', b'/dev/null'", 20, "mount tmpfs on /dev/null: Not a directory"),
    ],
)
def test_failure_is_one_line_and_no_program(python, more: str, number: int, line: str) -> None:
    done = python(f"print(wait(start(ran, {more}, on_fail=lambda n: os.write(1, b'on_fail %d\\n' % n))))").check()
    assert done.stdout == f"on_fail {number}\n125\n"
    assert done.stderr == f"sandbox-venv: native: {line}\n"


@pytest.mark.parametrize("body", ["None", "1 / 0", "sys.exit(0)", "(_ for _ in ()).throw(KeyboardInterrupt)"])
def test_child_main_that_comes_back_is_a_failure(python, body: str) -> None:
    done = python(f"print(wait(start(lambda: {body})), os.getpid() > 1)").check()
    assert done.stdout == "125 True\n"


def test_only_named_descriptors_are_left(python) -> None:
    done = python("""
r, w = os.pipe(); x = os.open("/", os.O_PATH)
def main():
    os.write(1, repr([fd for fd in range(64) if os.path.exists(f"/proc/self/fd/{fd}")]).encode())
    os._exit(0)
print(wait(start(main, keep_fds=[w, 1])), w)
""").check()
    assert done.stdout == "[0, 1, 2, 4]0 4\n"


def test_nothing_is_left_of_privileges_and_environment(python) -> None:
    done = python("""
from sandbox_venv.launch import child
def main():
    child.wipe_environ_block()
    status = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("Cap", "NoNewPrivs"))]
    print(set(status[:-1]), status[-1], set(open("/proc/self/environ", "rb").read()) - {0}, os.uname().nodename)
    sys.stdout.flush()
    os._exit(0)
print(wait(start(main)))
""").check()
    assert done.stdout == "{'0000000000000000'} 1 set() box\n0\n"


@pytest.mark.parametrize("delay", ["0", "0.001", "0.01", "0.3"])
def test_child_dies_with_its_parent(python, user: User, delay: str) -> None:
    """At whatever point of the set-up that happens; a marker in its arguments would be seen in /proc otherwise."""
    marker = f"marker-{os.urandom(6).hex()}"
    python(f"marker = '{marker}'; start(lambda: time.sleep(60)); time.sleep({delay}); os._exit(0)").check()
    deadline = time.monotonic() + 5
    while (left := running(marker)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def test_child_outlives_its_parent_only_where_asked(python, user: User) -> None:
    marker = f"marker-{os.urandom(6).hex()}"
    code = (
        f"marker = '{marker}'; start(lambda: (os.close(1), os.close(2), time.sleep(60)), pdeathsig=False); os._exit(0)"
    )
    python(code).check()
    left = running(marker)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left


def running(marker: str) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if marker.encode() in file.read() and int(name) != os.getpid():
                    found.append(int(name))
        except OSError:
            continue
    return found


FAULTS = r"""
import json
from sandbox_venv.launch.native import network, setup, spawn
NAMES = ["mount", "umount", "pivot_root", "unshare", "sethostname", "openat2", "open_tree", "move_mount",
         "mount_setattr", "prctl", "capset", "drop_bounding", "readable", "set_dumpable"]
NAMES_OS = ["mkdir", "open", "write", "mknod", "symlink", "chdir", "fchdir", "fstat", "fstatvfs", "readlink", "access"]
count, fail_at, number, parent = 0, -1, 28, os.getpid()
called = []

def wrap(module, name):
    real = getattr(module, name)
    def call(*arguments, **keywords):
        global count
        if os.getpid() != parent and not finished:
            count += 1
            if count == fail_at:
                raise OSError(number, "injected")
        return real(*arguments, **keywords)
    setattr(module, name, call)

finished = False
for name in NAMES: wrap(linux, name)
for name in NAMES_OS: wrap(os, name)
wrap(network, "interface_up")

def view():
    mounts = []
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        mounts.append(" ".join(left.split(" ")[3:6]) + right.split(" ")[0])
    tree = []
    for top, names, files in os.walk("/"):
        if top in ("/proc", "/usr", "/var/tmp"):
            names.clear()
        else:
            tree.append(top + ": " + " ".join(sorted([*names, *files])))
    status = [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew"))]
    map_ = open("/proc/self/uid_map").read()
    return [*sorted(mounts), *sorted(tree), *status, os.uname().nodename, str(os.getuid()), map_]

def attempt(at, errno_):
    global fail_at, number, count
    fail_at, number, count = at, errno_, 0
    r, w = os.pipe()
    def main():
        global finished
        finished = True
        os.write(w, json.dumps([count, view()]).encode())
        os._exit(0)
    pid = start(main, *MORE, modern=MODERN, keep_fds=[w])
    os.close(w)
    with open(r, 'rb') as file:
        said = file.read()
    status = wait(pid)
    return status, (json.loads(said) if said else None)

MORE = []
status, (alone, _) = attempt(-1, 0)
MORE = [b"--share-net"]  # a network namespace takes long to go
status, (total, reference) = attempt(-1, 0)
assert alone == total + 1
results = []
for errno_ in ERRNOS:
    for at in range(1, total + 1, STEP):
        status, said = attempt(at, errno_)
        results.append([at, errno_, status, None if said is None else sorted(set(said[1]) ^ set(reference))])
print(json.dumps([total, results]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("modern", [True, False], ids=["mount-api", "old-kernel"])
def test_fault_at_each_step_ends_in_125_or_in_the_same_sandbox(python, modern: bool) -> None:
    """A step may have another way (no openat2: walk); then the view inside is the very same.

    ``NATIVE_FAULTS`` set: every step, with ENOSYS (38) as well as ENOSPC.
    """
    everything = "NATIVE_FAULTS" in os.environ
    errnos, step = ((28, 38), 1) if everything else ((28,), 1 if modern else 4)
    done = python(f"MODERN, ERRNOS, STEP = {modern}, {errnos}, {step}\n" + FAULTS).check()
    total, results = json.loads(done.stdout.splitlines()[-1])
    assert total > 60
    wrong = [row for row in results if (row[2], row[3]) not in ((125, None), (0, []))]
    assert wrong == []
    assert sum(row[2] == 125 for row in results) > len(results) / 2


def test_network_without_loopback_is_a_failure(python) -> None:
    code = "from sandbox_venv.launch.native import network\ndef no(name): raise OSError(1, '')\nnetwork.interface_up = no\n"
    done = python(code + "print(wait(start(ran)))").check()
    assert done.stdout == "125\n"
    assert done.stderr == "sandbox-venv: native: loopback: Failed to bring up lo: Operation not permitted\n"
