"""Run in the child: restricts itself as argv[2] says, tries what argv[3:] names, prints a line for each.

`ok` or the name of the error. argv[1] is a descriptor to be put in the place of 0 before, or -1. The package that
holds the module under test is read from descriptor 9 (it isn't visible inside).
"""
# mypy: ignore-errors

import ctypes
import errno
import os
import signal
import socket
import sys

with open(9, encoding="utf-8", closefd=False) as file:
    source = file.read()
os.close(9)
exec(compile(source, "inside", "exec"), {})
landlock = sys.modules["inside.landlock"]

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)


def opened(path, flags):
    fd = os.open(path, flags)
    os.close(fd)


def make(name):
    with open(name, "w") as made:
        made.write("x")


def rename():
    os.makedirs("a/b", exist_ok=True)
    make("a/f")
    os.rename("a/f", "a/b/f")
    os.link("a/b/f", "a/g")


def everything_beneath_the_root():
    make("f")
    opened("f", os.O_RDWR | os.O_TRUNC)
    os.mkfifo("p")
    os.symlink("f", "s")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("sock")
    assert os.listdir(".")
    assert os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "echo x >> f && : < /dev/null > /dev/null"]) == 0
    os.mkdir("d")
    os.rmdir("d")
    for name in ("f", "p", "s", "sock"):
        os.unlink(name)


def own_descriptors():
    """A pipe, a memfd and an unlinked file of the process itself are opened again in any mode."""
    reader, _ = os.pipe()
    opened(f"/proc/self/fd/{reader}", os.O_WRONLY)
    opened(f"/proc/self/fd/{os.memfd_create('m')}", os.O_RDWR)
    made = os.open("gone", os.O_CREAT | os.O_RDONLY, 0o600)
    os.unlink("gone")
    opened(f"/proc/self/fd/{made}", os.O_RDWR)


def abstract(name):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + name)


def abstract_inside():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0inside-{os.getpid()}")
        listener.listen()
        abstract(f"inside-{os.getpid()}")


def named(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)


def kill_child():
    pid = os.fork()
    if pid == 0:
        signal.pause()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def mount():
    if libc.unshare(0x10020000) and libc.unshare(0x00020000):
        raise OSError(ctypes.get_errno(), "unshare")
    if libc.mount(b"none", b"/", None, 0x44000, None):  # MS_REC | MS_PRIVATE
        raise OSError(ctypes.get_errno(), "mount")


ATTEMPTS = {
    "read": lambda path: opened(path, os.O_RDONLY),
    "write": lambda path: opened(path, os.O_WRONLY),
    "read-write": lambda path: opened(path, os.O_RDWR),
    "truncate": lambda path: opened(path, os.O_WRONLY | os.O_TRUNC),
    "python-r": lambda path: open(path).close(),
    "python-w": lambda path: open(path, "w").close(),
    "list": os.listdir,
    "rename": rename,
    "beneath": everything_beneath_the_root,
    "own": own_descriptors,
    "abstract": abstract,
    "abstract-inside": abstract_inside,
    "named": named,
    "kill": lambda pid: os.kill(int(pid), 0),
    "kill-child": kill_child,
    "kill-group": lambda: os.kill(0, 0),
    "mount": mount,
}

if sys.argv[1] != "-1":
    os.dup2(int(sys.argv[1]), 0)
abi, _, restriction = sys.argv[2].partition(":")
if abi:
    landlock.abi = lambda: int(abi)
print(getattr(landlock, restriction)() if restriction else None, file=sys.stderr)
for attempt in sys.argv[3:]:
    name, _, argument = attempt.partition("=")
    try:
        ATTEMPTS[name](*([argument] if argument else []))
        print(attempt, "ok", file=sys.stderr)
    except OSError as error:
        print(attempt, errno.errorcode[error.errno], file=sys.stderr)
