"""Ordinary operations, part 3: each must work inside as outside. Prints what does not."""

# ruff: noqa: ARG005, B018, BLE001, FURB171, PT017, PT018, SIM115
# mypy: ignore-errors

import asyncio
import ctypes
import errno
import mmap
import multiprocessing as mp
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

OPS = []


def op(f):
    OPS.append(f)
    return f


def mk(path):
    open(path, "w").close()
    return path


@op
def xattrs():
    mk("f")
    try:
        os.setxattr("f", "user.x", b"1")
        os.getxattr("f", "user.x")
        os.listxattr("f")
    except OSError as e:
        if e.errno not in (errno.ENOTSUP,):
            raise
    finally:
        os.unlink("f")


@op
def o_tmpfile_and_renameat2():
    try:
        os.close(os.open(".", os.O_TMPFILE | os.O_RDWR))
    except OSError as e:
        assert e.errno == errno.EOPNOTSUPP


@op
def dev_nodes():
    for n in (
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "ptmx",
        "shm",
        "fd",
        "stdin",
        "stdout",
        "stderr",
        "pts",
    ):
        assert os.path.lexists("/dev/" + n), n
    open("/dev/null", "w").write("x")
    open("/dev/zero", "rb").read(1)
    mk("/dev/shm/x")


@op
def asyncio_all():
    async def main():
        p = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE)
        assert (await p.communicate())[0] == b"1\n"
        s = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        r, w = await asyncio.open_connection(*s.sockets[0].getsockname())
        await r.read()
        w.close()
        s.close()
        await asyncio.to_thread(time.sleep, 0.01)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR2, int)
        await loop.getaddrinfo("localhost", 80)
        await asyncio.start_unix_server(int, path=tempfile.mktemp())

    asyncio.run(main())


@op
def mp_all():
    for m in ("fork", "spawn", "forkserver"):
        with mp.get_context(m).Pool(2) as p:
            assert p.map(abs, range(-5, 0)) == [5, 4, 3, 2, 1], m
    with mp.Manager() as m:
        m.dict()["a"] = 1


@op
def futures():
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as e:
        assert list(e.map(abs, [-1])) == [1]


@op
def faulthandler_and_crash():
    p = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", "import faulthandler; faulthandler._sigsegv()"],
        capture_output=True,
    )
    assert p.returncode == -11


@op
def ptrace_own_child_memory():
    assert open("/proc/self/maps").read()
    os.listdir("/proc/self/fd")
    os.readlink("/proc/self/exe")
    open("/proc/self/cmdline").read()
    open("/proc/self/mountinfo").read()
    open("/proc/self/cgroup").read()


@op
def prctl_name_and_pdeathsig():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(15, b"name", 0, 0, 0) == 0
    assert libc.prctl(1, 0, 0, 0, 0) == 0
    assert libc.prctl(36, 1, 0, 0, 0) == 0


@op
def times():
    for c in ("CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_BOOTTIME", "CLOCK_TAI", "CLOCK_PROCESS_CPUTIME_ID"):
        time.clock_gettime(getattr(time, c))
        time.clock_getres(time.CLOCK_REALTIME)
    time.sleep(0.001)
    os.times()


@op
def mlock():
    libc = ctypes.CDLL(None, use_errno=True)
    b = ctypes.create_string_buffer(4096)
    assert libc.mlock(b, 4096) == 0 or ctypes.get_errno() in (errno.ENOMEM, errno.EPERM)
    libc.munlock(b, 4096)


@op
def huge_pages():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_ssize_t
    with mmap.mmap(-1, 8 << 20) as m:
        m.madvise(mmap.MADV_HUGEPAGE)
        m.madvise(mmap.MADV_NOHUGEPAGE)
    for value in (1, 0):
        assert libc.prctl(41, value, 0, 0, 0) == 0, ctypes.get_errno()  # PR_SET_THP_DISABLE
        assert libc.prctl(42, 0, 0, 0, 0) == value  # PR_GET_THP_DISABLE
    size = ctypes.c_size_t(2 << 20)
    found = libc.mmap(None, size, 3, 0x22 | 0x40000, -1, 0)  # private, anonymous, MAP_HUGETLB
    assert found != -1 or ctypes.get_errno() == errno.ENOMEM, ctypes.get_errno()  # none are reserved here


@op
def executable_memory():
    m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    m.write(b"\xc3")
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()


@op
def ids():
    os.getresuid()
    os.getresgid()
    os.setgid(os.getgid())
    os.setuid(os.getuid())
    os.setregid(-1, -1)
    os.setpgid(0, 0) if os.getpid() != os.getsid(0) else 0
    os.getpgid(0)
    os.geteuid()
    os.getppid()
    os.tcgetpgrp if 1 else 0


@op
def home_and_cache_writable():
    mk(os.path.expanduser("~/.config-test"))
    os.makedirs(os.path.expanduser("~/.cache/x"), exist_ok=True)
    mk(os.path.expanduser("~/.cache/x/y"))
    os.makedirs(os.path.expanduser("~/.local/share/x"), exist_ok=True)


@op
def webbrowser_mailcap():
    import webbrowser

    webbrowser.get if 1 else 0
    import mimetypes

    assert mimetypes.guess_type("a.html")[0] == "text/html"


@op
def io_uring_or_enosys():
    libc = ctypes.CDLL(None, use_errno=True)
    r = libc.syscall(425, 1, None)
    assert r == -1 and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM, errno.EFAULT), ctypes.get_errno()


@op
def clone3_fallback():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(435, None, 0)
    assert ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL, errno.EFAULT), ctypes.get_errno()


@op
def getdents_statx_faccessat2():
    os.stat(".", follow_symlinks=False)
    os.access(".", os.R_OK, effective_ids=True)
    libc = ctypes.CDLL(None, use_errno=True)
    r = libc.syscall(439, -100, b".", 4, 0x200)
    assert r == 0, ctypes.get_errno()


@op
def membarrier_rseq_getcpu():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(324, 0, 0, 0) >= 0, ctypes.get_errno()
    assert libc.sched_getcpu() >= 0


@op
def process_vm_self():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(310, os.getpid(), None, 0, None, 0, 0)


@op
def futex_waitv_and_getrandom():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(449, None, 0, 0, None, 0)
    assert ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS), ctypes.get_errno()


@op
def socket_kinds():
    for f, k in (
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET6, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET),
    ):
        socket.socket(f, k).close()


@op
def netlink_route():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((0, 0))


@op
def bind_high_port_all_interfaces():
    socket.create_server(("", 0)).close()


@op
def stdio():
    assert sys.stdin is not None and sys.stdout is not None
    os.fstat(0)
    os.isatty(0)
    os.get_inheritable(0)
    print(end="", flush=True)


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
