"""Read what tells about the kernel's memory and other people's work: keys, kcore, kallsyms, iomem, interrupts, timers."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

def attack():
    read = []
    for name in ("kcore", "keys", "key-users", "timer_list", "sched_debug", "latency_stats", "kallsyms", "iomem", "ioports",
                 "interrupts", "slabinfo", "vmallocinfo", "pagetypeinfo", "kpagecount", "kpageflags", "kmsg", "modules", "mtrr"):
        try:
            fd = os.open("/proc/" + name, os.O_RDONLY | os.O_NONBLOCK)
            data = os.read(fd, 64)
        except OSError:
            continue
        if data:
            read.append(name)
    for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/sys/kernel", "/sys/firmware", "/proc/1/stack"):
        try:
            if os.path.isdir(path) or os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1):
                read.append(path)
        except OSError:
            pass
    return read

def twin():
    with open("/proc/meminfo") as file, open("/proc/cpuinfo") as other:
        return bool(file.read() and other.read())
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value is True
