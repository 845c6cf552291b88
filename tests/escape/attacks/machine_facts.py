"""Learn of the machine what no program needs: its boot command line, locks, modules, devices, users, name, hardware."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os

PATHS = ("cmdline", "locks", "modules", "kallsyms", "kcore", "keys", "key-users", "iomem", "ioports", "interrupts", "timer_list",
         "sched_debug", "config.gz", "slabinfo", "vmallocinfo", "kpageflags", "kpagecount", "kpagecgroup", "bootconfig", "vmcore", "kmsg",
         "dma", "mtrr", "misc", "crypto", "buddyinfo", "pagetypeinfo", "zoneinfo", "driver/rtc",
         "sys/kernel/core_pattern", "sys/kernel/random/boot_id", "sys/kernel/hostname")
FREE = ("misc", "crypto", "buddyinfo", "zoneinfo", "sys/kernel/core_pattern", "sys/kernel/random/boot_id", "sys/kernel/hostname", "dma")

def attack():
    found = []
    for name in PATHS:
        if name in FREE:
            continue
        try:
            if os.path.isdir("/proc/" + name):
                if os.listdir("/proc/" + name):
                    found.append(name)
                continue
            with open("/proc/" + name, "rb") as file:
                if file.read(100):
                    found.append(name)
        except OSError:
            pass
    for path in ("/sys/class/dmi/id/product_serial", "/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname", "/etc/fstab",
                 "/etc/crontab", "/etc/shadow", "/etc/subuid", "/etc/login.defs", "/run/utmp", "/var/run/utmp", "/var/log/wtmp",
                 "/var/spool/cron", "/var/mail", "/dev/disk", "/dev/input", "/dev/snd", "/dev/net/tun", "/dev/vhost-net", "/dev/loop-control",
                 "/dev/mapper", "/dev/hugepages", "/dev/mqueue", "/dev/kmsg", "/dev/mem", "/dev/port", "/dev/userfaultfd", "/dev/vsock",
                 "/sys/firmware", "/sys/kernel/debug", "/sys/fs/cgroup", "/snap", "/srv", "/media", "/mnt"):
        if os.path.lexists(path):
            found.append(path)
    import pwd
    found += [user.pw_name for user in pwd.getpwall() if user.pw_uid not in (os.getuid(), 0, 65534)]
    return found

def twin():
    with open("/proc/meminfo") as a, open("/proc/cpuinfo") as b, open("/proc/stat") as c, open("/proc/loadavg") as d:
        return all(file.read(10) for file in (a, b, c, d))
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value is True
