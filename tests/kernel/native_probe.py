"""What a program sees inside, as JSON: run by test_native_differential.py in sandboxes made by bwrap and by native.

Arguments: the host's namespaces as JSON, directories to list, joined by ":".
"""

import ctypes
import json
import os
import resource
import sys

STATUS = ("Cap", "NoNewPrivs", "Seccomp", "Umask", "SigBlk", "SigIgn", "SigCgt", "Groups")
SILENT = ("/t/proc", "/proc", "/usr")  # too much, or the kernel's


def lines(path):
    try:
        with open(path, errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError as error:
        return [error.strerror]


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return error.strerror


def mounts():
    """Return the mounts, but for those that another one covers: nobody reaches these."""
    rows = [line.partition(" - ") for line in lines("/proc/self/mountinfo") if " - " in line]
    rows = [(left.split(" "), right) for left, _, right in rows]
    covered = {(fields[1], fields[4]) for fields, _ in rows}
    return sorted(
        [fields[4], fields[3], ",".join(sorted(fields[5].split(","))), [tag.split(":")[0] for tag in fields[6:]], right]
        for fields, right in rows
        if (fields[0], fields[4]) not in covered
    )


def entry(path):
    try:
        info = os.lstat(path)
    except OSError as error:
        return error.strerror
    found = [oct(info.st_mode), info.st_uid, info.st_gid]
    if os.path.islink(path):
        found.append(os.readlink(path))
    elif os.path.isfile(path) and info.st_size < 100 and not path.startswith(SILENT):
        try:
            with open(path, "rb") as file:
                found.append(file.read(100).decode("latin1"))
        except OSError as error:
            found.append(error.strerror)
    return found


def tree(tops):
    found = {"/": entry("/")}
    for name in attempt(os.listdir, "/"):
        found[f"/{name}"] = entry(f"/{name}")
    for top in tops:
        for directory, names, files in os.walk(top):
            if directory.count("/") > 6 or directory.startswith(SILENT):
                names[:] = []
                continue
            for name in ("", *names, *files):
                path = os.path.join(directory, name)
                found[path] = entry(path)
    return found


def namespaces(host):
    found = {}
    for name, link in host.items():
        try:
            found[name] = os.readlink("/proc/self/ns/" + name) == link
        except OSError as error:
            found[name] = error.strerror
    return found


def descriptors():
    """Return the open ones: their numbers, and what the handed over ones are, named as the sandbox names them."""
    numbers = sorted(int(fd) for fd in os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else []
    return [number for number in numbers if number != 3]  # 3: the listing itself, or the next that is free


def unshared_user():
    pid = os.fork()
    if not pid:
        os._exit(0 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 1)
    return os.waitpid(pid, 0)[1]


view = {
    "mounts": mounts(),
    "tree": tree(sys.argv[2].split(":")),
    "env": dict(os.environ),
    "cwd": attempt(os.getcwd),
    "argv0": lines("/proc/self/cmdline")[0].split("\0")[0],
    "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
    "status": [line for line in lines("/proc/self/status") if line.startswith(STATUS)],
    "limits": [resource.getrlimit(number) for number in range(16)],
    "pids": [min(os.getpid(), 3), min(os.getppid(), 3)],  # in a namespace that is joined, numbers count on
    "session": [os.getsid(0) == os.getpid(), os.getsid(0) == 0, os.getpgid(0) == os.getpid()],
    "maps": [lines("/proc/self/" + name) for name in ("uid_map", "gid_map", "setgroups")],
    "hostname": os.uname().nodename,
    "fds": descriptors(),
    "namespaces": namespaces(json.loads(sys.argv[1])),
    "net": sorted(line.split(":")[0].strip() for line in lines("/proc/self/net/dev")[2:]),
    "filtered": [attempt(os.getpriority, 0, 0), attempt(os.sched_get_priority_max, 0)],
    "nested": unshared_user(),
}
print(json.dumps(view, sort_keys=True))
