"""Mount, unmount, move, remount or attach anything, change the root, or find a mount that propagates."""

ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
ROOT = os.environ["PWD"]

def attack():
    done = []
    calls = {
        "bind": lambda: libc.mount(b"/", b"/tmp", None, 0x1000 | 0x4000, None),
        "tmpfs": lambda: libc.mount(b"t", b"/tmp", b"tmpfs", 0, None),
        "proc": lambda: libc.mount(b"p", b"/tmp", b"proc", 0, None),
        "remount": lambda: libc.mount(None, os.fsencode(ROOT + "/.venv"), None, 0x20 | 0x1000, None),
        "umount .venv": lambda: libc.umount2(os.fsencode(ROOT + "/.venv"), 2),
        "umount bin": lambda: libc.umount2(os.fsencode(ROOT + "/.venv/bin"), 0),
        "umount /proc/sys": lambda: libc.umount2(b"/proc/sys", 2),
        "pivot_root": lambda: libc.syscall({"x86_64": 155}.get(os.uname().machine, 41), b"/tmp", b"/tmp"),
        "chroot": lambda: libc.chroot(b"/tmp"),
        "open_tree": lambda: libc.syscall(428, -100, b"/", 1),
        "move_mount": lambda: libc.syscall(429, -100, b"/", -100, b"/tmp", 0),
        "fsopen": lambda: libc.syscall(430, b"tmpfs", 0),
        "fspick": lambda: libc.syscall(433, -100, b"/", 0),
        "mount_setattr": lambda: libc.syscall(442, -100, b"/", 0, (ctypes.c_uint64 * 4)(), 32),
        "listmount": lambda: libc.syscall(458, (ctypes.c_uint64 * 4)(), (ctypes.c_uint64 * 4)(), 4, 0),
    }
    for name, call in calls.items():
        if call() != -1:
            done.append(name)
    with open("/proc/self/mountinfo") as file:
        done += [line for line in file if " shared:" in line or " master:" in line and False]
    if done:
        return done
    raise PermissionError(1, "none")

def twin():
    with open("/proc/self/mounts") as file:
        return bool(file.read())
"""
