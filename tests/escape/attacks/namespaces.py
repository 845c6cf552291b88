"""Make or enter a namespace: with a user namespace come all capabilities in it, and the kernel's larger surface."""

ATTACK = """
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
CLONE = {"x86_64": 56}.get(os.uname().machine, 220)
CLONE3 = 435

def attack():
    done = []
    for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x10020000, 0x80):
        if libc.unshare(flag) == 0:
            done.append(["unshare", flag])
        if flag != 0x80:
            pid = libc.syscall(CLONE, ctypes.c_ulong(flag | 17), None, None, None, None)
            if pid == 0:
                os._exit(0)
            if pid > 0:
                done.append(["clone", flag])
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
    if libc.syscall(CLONE3, arguments, ctypes.c_ulong(88)) >= 0:
        os._exit(0)
    if ctypes.get_errno() != 38:
        done.append(["clone3 is not ENOSYS", ctypes.get_errno()])
    for name in ("mnt", "user", "net", "pid", "ipc", "uts"):
        for path in ("/proc/1/ns/" + name, "/proc/self/ns/" + name):
            try:
                fd = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(fd, 0) == 0:
                done.append(["setns", path])
    if done:
        return done
    raise PermissionError(1, "none")

def twin():
    import threading
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    pid = os.fork()
    if not pid:
        os._exit(7)
    return os.waitpid(pid, 0)[1] >> 8
"""
