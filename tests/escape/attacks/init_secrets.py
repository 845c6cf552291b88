"""Read what PID 1 knows: it started from, or is, the launcher with the caller's whole environment (bubblewrap #725)."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

def attack():
    found = []
    names = ["environ", "mem", "maps", "auxv", "root", "cwd", "exe", "stack", "syscall", "map_files", "smaps", "pagemap",
             "ns/mnt", "ns/user", "task/1/environ", "task/1/mem", "task/1/maps", "task/1/cwd", "io"]
    names += ["fd/%d" % number for number in range(64)]
    for name in names:
        path = "/proc/1/" + name
        try:
            found.append([name, "link", os.readlink(path)])
        except OSError:
            pass
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_PATH):
            if flags == os.O_PATH and not name.startswith(("root", "cwd", "exe", "fd", "ns", "task/1/cwd")):
                continue  # a name, without any access
            try:
                fd = os.open(path, flags | os.O_NONBLOCK)
                data = b"" if flags in (os.O_PATH, os.O_WRONLY) else os.pread(fd, 100, 0)
                found.append([name, flags, data.decode("latin-1")])
            except OSError:
                pass
    return found

def twin():
    with open("/proc/1/status") as file, open("/proc/self/environ", "rb") as own:
        return [file.read(6), bool(own.read())]
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.ok, got.attack
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value == ["Name:\t", True]
