"""What a program sees inside, as JSON: run in sandboxes that C, Python and bwrap made.

Arguments that are absolute paths are looked at.
"""

import ctypes
import json
import os
import resource
import sys

KEPT = (
    "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk",
    "Umask", "NSpid", "Threads", "TracerPid",
)  # fmt: skip
HOST = {"net", "time", "time_for_children"}


def mounts():
    """Return the mounts that can be reached: mount point, root, options, tags, kind.

    Not those directories of the ready-made root that bwrap has read-only by mounts of their own: native has them as a
    part of that root.
    """
    lines = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            lines.append((left.split(), right.split()[0]))
    parents = {fields[0]: (fields[1], fields[4]) for fields, _ in lines}

    def is_closed(fields):
        """Whether it is read-only, without devices and set-uid programs."""
        return {"ro", "nosuid", "nodev"} <= set(fields[5].split(","))

    def is_hidden(number):
        """Whether another one lies on it, on a directory above its mount point, or hides what it is mounted in."""
        return (number, parents[number][1]) in parents.values() or is_cut_off(number)

    def is_cut_off(number):
        parent, point = parents[number]
        return parent in parents and (
            any(up == parent and point.startswith(other + "/") for up, other in parents.values()) or is_cut_off(parent)
        )

    return [
        [fields[4], "/" if kind == "tmpfs" else fields[3], sorted(fields[5].split(",")), fields[6:], kind]
        for fields, kind in lines
        if not is_hidden(fields[0])
        and not (
            "/sandbox-venv/venvs/" in fields[3] and "/roots/" in fields[3] and fields[4] != "/" and is_closed(fields)
        )
    ]


def attempt(function, *arguments):
    try:
        return repr(function(*arguments))
    except OSError as error:
        return error.errno


def place(path):
    """Return what lies at a path: mode, owner, what is in it; and whether it can be written.

    Not the mode of directories of the new root itself: which bits those that only hold mount points have is nobody's
    business, their one owner is the user.
    """
    try:
        info = os.lstat(path)
        found = [oct(info.st_mode), info.st_uid, info.st_gid, os.access(path, os.W_OK)]
        if os.path.islink(path):
            found.append(os.readlink(path))
        elif os.path.isdir(path):
            if not any((path + "/").startswith(mount[0] + "/") for mount in mounts() if mount[0] != "/"):
                found[0] = "of the root"
            found.append(sorted(os.listdir(path))[:50])
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                found.append(file.read(99).decode("latin1"))
    except OSError as error:
        return error.errno
    return found


def status():
    with open("/proc/self/status") as file:
        pairs = [line.partition(":") for line in file]
    return {name: value.strip() for name, _, value in pairs if name in KEPT}


libc = ctypes.CDLL(None, use_errno=True)
with open("/proc/1/comm") as comm, open("/proc/self/uid_map") as uid_map, open("/proc/self/setgroups") as setgroups:
    init, ids = comm.read().strip(), [uid_map.read().split(), setgroups.read().strip(), os.getresuid(), os.getresgid()]
print(
    json.dumps(
        {
            "init": init,
            "mounts": mounts(),
            "environ": dict(os.environ),
            "status": status(),
            "ids": ids,
            "pid": [os.getpid(), os.getppid(), os.getsid(0), os.getpgid(0)],
            "limits": [resource.getrlimit(number) for number in range(16)],
            "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
            "cwd": os.getcwd(),
            "argv": [sys.argv, sys.executable, sys.prefix],
            "pid 1": [attempt(open, "/proc/1/environ"), attempt(os.readlink, "/proc/1/exe")],
            "listings": [
                sorted(os.listdir(path)) for path in ("/", "/etc", "/usr", "/dev", "/tmp", "/var", "/proc/sys")
            ],
            "modes": [
                attempt(lambda path: oct(os.stat(path).st_mode), path)
                for path in ("/dev", "/dev/null", "/tmp", "/dev/shm", os.environ.get("HOME", "/"))
            ],
            "written": [
                attempt(open, path, "w") for path in ("/new", "/etc/new", "/usr/new", "/proc/sys/kernel/core_pattern")
            ],
            "namespaces": sorted(set(os.listdir("/proc/self/ns")) - HOST),
            "userns": [libc.unshare(0x10000000), ctypes.get_errno()],
            "dumpable": libc.prctl(3, 0, 0, 0, 0),
            "hostname": os.uname().nodename,
            "places": [place(path) for path in sys.argv[1:] if path.startswith("/")],
        },
        default=str,
    )
)
