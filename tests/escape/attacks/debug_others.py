"""Stop, trace, read or write PID 1 and other processes: ptrace, process_vm_*, /proc/PID/mem, pidfd_getfd, signals."""

ATTACK = """
import ctypes
import os
import signal
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long,) * 4

def attack():
    done = []
    for pid in (1, os.getppid()):
        for request in (16, 0x4206):  # ATTACH, SEIZE
            if libc.ptrace(request, pid, 0, 0) == 0:
                done.append(["ptrace", pid])
        for name in ("mem",):
            try:
                os.close(os.open("/proc/%d/%s" % (pid, name), os.O_RDWR))
                if pid == 1:
                    done.append([name, pid])
            except OSError:
                pass
        buffer = ctypes.create_string_buffer(64)
        local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
        remote = (ctypes.c_size_t * 2)(0x400000, 64)
        if libc.process_vm_readv(pid, local, 1, remote, 1, 0) >= 0:
            done.append(["process_vm_readv", pid])
    fd = os.pidfd_open(1)
    if libc.syscall(438, fd, 0, 0) >= 0:
        done.append("pidfd_getfd")
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV):
        os.kill(1, number)  # the kernel drops these for PID 1
    time.sleep(0.1)
    if done:
        return done
    raise PermissionError(1, "none, and PID 1 lives")

def twin():
    pid = os.fork()
    if not pid:
        time.sleep(30)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
"""
