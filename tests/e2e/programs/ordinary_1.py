"""Ordinary operations, part 1: each must work inside as outside. Prints what does not."""

# ruff: noqa: BLE001, RUF059
# mypy: ignore-errors

import ctypes
import ctypes.util
import fcntl
import locale
import mmap
import os
import resource
import select
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import zoneinfo

OPS = []


def op(f):
    OPS.append(f)
    return f


def mk(path):
    open(path, "w").close()
    return path


@op
def start_new_session():
    assert (
        subprocess.run(
            [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"],
            start_new_session=True,
            capture_output=True,
            text=True,
        ).stdout
        == "True\n"
    )


@op
def process_group():
    assert (
        subprocess.run(
            [sys.executable, "-c", "import os; print(os.getpgid(0) == os.getpid())"],
            process_group=0,
            capture_output=True,
            text=True,
        ).stdout
        == "True\n"
        if sys.version_info >= (3, 11)
        else True
    )


@op
def preexec_and_setrlimit():
    subprocess.run(
        ["sh", "-c", "ulimit -n"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        check=True,
        stdout=subprocess.DEVNULL,
    )


@op
def waitid():
    pid = os.fork()
    if not pid:
        os._exit(7)
    assert os.waitid(os.P_PID, pid, os.WEXITED).si_status == 7


@op
def wait4_rusage():
    pid = os.fork()
    if not pid:
        os._exit(0)
    assert os.wait4(pid, 0)[2].ru_maxrss > 0


@op
def pidfd():
    pid = os.fork()
    if not pid:
        time.sleep(5)
        os._exit(0)
    fd = os.pidfd_open(pid)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.waitid(os.P_PIDFD, fd, os.WEXITED)
    os.close(fd)


@op
def msync_file_mmap():
    with tempfile.TemporaryFile() as f:
        f.truncate(1 << 20)
        m = mmap.mmap(f.fileno(), 0)
        m[:4] = b"abcd"
        m.flush()
        m.madvise(mmap.MADV_DONTNEED)
        m.resize(2 << 20)
        m.close()


@op
def anonymous_big_mmap():
    m = mmap.mmap(-1, 4 << 30)
    m[0] = 1
    m.madvise(getattr(mmap, "MADV_HUGEPAGE", 14))
    m.close()


@op
def memfd_create():
    fd = os.memfd_create("x")
    os.write(fd, b"hi")
    os.ftruncate(fd, 100)
    fcntl.fcntl(fd, 1033, 1) if False else None
    os.close(fd)


@op
def copy_file_range():
    with open("src", "wb") as f:
        f.write(b"x" * 100)
    a = os.open("src", os.O_RDONLY)
    b = os.open("dst", os.O_RDWR | os.O_CREAT)
    assert os.copy_file_range(a, b, 100) == 100
    os.close(a)
    os.close(b)
    os.unlink("src")
    os.unlink("dst")


@op
def sendfile():
    a, b = socket.socketpair()
    with open(os.__file__, "rb") as f:
        assert os.sendfile(a.fileno(), f.fileno(), 0, 10) == 10
    a.close()
    b.close()


@op
def splice_tee():
    r, w = os.pipe()
    r2, w2 = os.pipe()
    os.write(w, b"abc")
    if hasattr(os, "splice"):
        assert os.splice(r, w2, 3) == 3


@op
def pipe_size():
    r, w = os.pipe()
    fcntl.fcntl(w, 1031, 1 << 16)


@op
def inotify():
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(0)
    assert fd >= 0
    assert libc.inotify_add_watch(fd, b".", 0x100) >= 0
    open("watched", "w").close()
    assert os.read(fd, 4096)
    os.close(fd)
    os.unlink("watched")


@op
def epoll_eventfd_timerfd():
    e = select.epoll()
    fd = os.eventfd(1) if hasattr(os, "eventfd") else os.pipe()[1]
    e.register(fd, select.EPOLLIN | select.EPOLLOUT)
    assert e.poll(1)
    e.close()
    libc = ctypes.CDLL(None, use_errno=True)
    t = libc.timerfd_create(1, 0)
    assert t >= 0
    os.close(t)


@op
def signalfd():
    libc = ctypes.CDLL(None, use_errno=True)
    mask = (ctypes.c_ulong * 16)(1 << 9)
    fd = libc.signalfd(-1, mask, 0)
    assert fd >= 0, ctypes.get_errno()


@op
def sched():
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    os.sched_yield()
    os.sched_getscheduler(0)
    os.sched_getparam(0)
    os.sched_get_priority_max(os.SCHED_FIFO)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert os.cpu_count() >= 1


@op
def nice_and_priority():
    pid = os.fork()
    if not pid:
        os.nice(3)
        os._exit(0 if os.getpriority(os.PRIO_PROCESS, 0) == os.nice(0) else 1)
    assert os.waitpid(pid, 0)[1] == 0


@op
def ionice():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(252, 1, 0) >= 0, ctypes.get_errno()


@op
def resource_limits():
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            resource.getrlimit(getattr(resource, name))
    s, h = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(s, 512), h))
    resource.prlimit(0, resource.RLIMIT_NOFILE)
    resource.getrusage(resource.RUSAGE_CHILDREN)


@op
def locale_default():
    locale.setlocale(locale.LC_ALL, "")
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    locale.getlocale()
    assert sys.getfilesystemencoding() == "utf-8"


@op
def ssl_context():
    assert len(ssl.create_default_context().get_ca_certs()) > 50
    ssl.RAND_bytes(8)


@op
def sqlite():
    c = sqlite3.connect("x.db")
    c.execute("pragma journal_mode=wal")
    c.execute("create table a(b)")
    c.execute("insert into a values(1)")
    c.commit()
    c.close()
    [os.unlink(n) for n in os.listdir(".") if n.startswith("x.db")]


@op
def zone():
    zoneinfo.ZoneInfo("Europe/Vienna")
    assert "UTC" in zoneinfo.available_timezones()
    time.tzset()
    time.localtime()


@op
def find_library():
    assert ctypes.util.find_library("c"), "libc"
    assert ctypes.util.find_library("m"), "libm"
    ctypes.CDLL(ctypes.util.find_library("c"))


if __name__ == "__main__":
    bad = 0
    place = tempfile.mkdtemp(dir=".")
    os.chdir(place)
    for f in OPS:
        try:
            f()
        except BaseException as e:
            bad += 1
            print("FAIL", f.__name__, type(e).__name__, e)
    print(len(OPS), "operations,", bad, "bad")
    os.chdir("..")
    shutil.rmtree(place)
