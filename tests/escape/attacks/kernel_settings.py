"""Open the kernel's settings for writing: /proc/sys, sysrq, irq, oom of others; as root too (never written here)."""

ATTACK = """
import os

def attack():
    opened = []
    for top in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi", "/proc/tty", "/proc/driver",
                "/proc/asound", "/proc/dynamic_debug", "/proc/pressure"):
        for folder, _, files in os.walk(top):
            for name in files:
                try:
                    fd = os.open(folder + "/" + name, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:
                    continue
                os.close(fd)
                opened.append(folder + "/" + name)
    for name in ("sysrq-trigger", "kcore", "kmsg", "mtrr", "keys", "key-users", "timer_list", "kallsyms", "iomem", "ioports",
                 "slabinfo", "vmallocinfo", "config.gz", "sched_debug", "schedstat", "latency_stats", "modules", "cmdline"):
        try:
            fd = os.open("/proc/" + name, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        os.close(fd)
        opened.append(name)
    if os.path.exists("/sys"):
        opened.append("/sys")
    if opened:
        return opened
    raise PermissionError(1, "none")

def twin():
    with open("/proc/self/comm", "w") as file:
        file.write("twin")
    with open("/proc/sys/kernel/ostype") as file:
        return file.read()
"""
