"""Ordinary things that honest programs do, each a function; run in the child under the filters.

Prints the names of those that fail, with the error. Needs a writable current directory.
"""
# mypy: ignore-errors
# ruff: noqa: ARG005, BLE001, PT017, RUF059  (things are done for their effect on the kernel, all failures are told)

import array
import asyncio
import concurrent.futures
import ctypes
import errno
import fcntl
import mmap
import multiprocessing
import os
import pty
import resource
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from multiprocessing import shared_memory

libc = ctypes.CDLL(None, use_errno=True)
TASKS = {}


def task(function):
    TASKS[function.__name__] = function
    return function


def square(value):
    return value * value


@task
def fork_and_wait():
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@task
def waitid_and_pidfd():
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    fd = os.pidfd_open(pid)
    assert os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status == 3
    os.close(fd)


@task
def threads():
    found = []
    workers = [threading.Thread(target=found.append, args=(n,)) for n in range(8)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert sorted(found) == list(range(8))


@task
def subprocess_of_sh():
    assert subprocess.run(["/bin/sh", "-c", "echo $((6*7)); ls / >/dev/null"], capture_output=True).stdout == b"42\n"


@task
def subprocess_in_a_session_and_group():
    code = "import os; print(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid())"
    for more in ({"start_new_session": True}, {"process_group": 0}):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, **more).stdout
        assert found.split()[1] == b"True"


@task
def subprocess_with_preexec_and_descriptors():
    reader, writer = os.pipe()
    subprocess.run(["/bin/sh", "-c", f"echo hi >&{writer}"], pass_fds=[writer], preexec_fn=os.getpid, check=True)
    assert os.read(reader, 10) == b"hi\n"


@task
def posix_spawn_and_nice():
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {}, setsigmask=[signal.SIGUSR1])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.nice(1)


@task
def multiprocessing_fork():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]


@task
def multiprocessing_spawn():
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(abs, [-1])) == [1]


@task
def multiprocessing_forkserver():
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        assert list(pool.map(abs, [-2])) == [2]


@task
def locks_queues_and_managers():
    queue = multiprocessing.Queue()
    queue.put(1)
    assert queue.get(timeout=5) == 1
    with multiprocessing.Manager() as manager:
        assert manager.list([1])[0] == 1


@task
def shared_memory_blocks():
    block = shared_memory.SharedMemory(create=True, size=64)
    block.buf[0] = 7
    block.close()
    block.unlink()


@task
def asyncio_with_a_subprocess_and_a_server():
    async def main():
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "echo a", stdout=asyncio.subprocess.PIPE)
        assert (await process.communicate())[0] == b"a\n"
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        server.close()

    asyncio.run(main())


@task
def tcp_udp_and_ipv6_sockets():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            server = socket.create_server((host, 0), family=family)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # the machine has no IPv6
            raise
        client = socket.create_connection(server.getsockname()[:2])
        peer, _ = server.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"x")
        assert peer.recv(1) == b"x"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.sendto(b"y", udp.getsockname())
        assert udp.recvfrom(1)[0] == b"y"


@task
def unix_sockets_that_pass_descriptors():
    left, right = socket.socketpair()
    socket.send_fds(left, [b"z"], [0])
    assert len(socket.recv_fds(right, 1, 1)[1]) == 1
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("listening")
        listener.listen()
    assert left.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)


@task
def names_and_interfaces():
    assert socket.getaddrinfo("localhost", 80)
    assert socket.if_nameindex() is not None
    assert socket.gethostname()


@task
def select_poll_epoll_eventfd():
    reader, writer = os.pipe()
    os.write(writer, b"x")
    assert select.select([reader], [], [], 1)[0]
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    assert poll.poll(100)
    with select.epoll() as epoll:
        epoll.register(reader)
        assert epoll.poll(1)
    fd = os.eventfd(1)
    assert os.eventfd_read(fd) == 1


@task
def signals_and_timers():
    got = []
    signal.signal(signal.SIGALRM, lambda *a: got.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    assert got
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.kill(os.getpid(), signal.SIGUSR1)
    assert signal.sigtimedwait([signal.SIGUSR1], 1).si_signo == signal.SIGUSR1
    signal.siginterrupt(signal.SIGALRM, False)
    signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0)
    signal.pthread_kill(threading.get_ident(), 0)


@task
def clocks():
    time.clock_gettime(time.CLOCK_MONOTONIC)
    time.clock_getres(time.CLOCK_REALTIME)
    time.process_time()
    time.thread_time()
    os.times()


@task
def maps():
    with open("map", "w+b") as file:
        file.truncate(8192)
        view = mmap.mmap(file.fileno(), 8192)
        view[0:2] = b"ab"
        view.flush()
        view.madvise(mmap.MADV_WILLNEED)
        view.resize(16384)
        view.close()
    anonymous = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(anonymous))
    assert libc.mprotect(ctypes.c_void_p(address), 4096, 1) == 0
    assert libc.mlock(ctypes.c_void_p(address), 4096) == 0


@task
def memfd():
    fd = os.memfd_create("m", os.MFD_ALLOW_SEALING)
    os.write(fd, b"x")
    fcntl.fcntl(fd, 1033, 0xF)


@task
def copies_between_descriptors():
    with open("from", "wb") as file:
        file.write(b"x" * 100)
    source, target = os.open("from", os.O_RDONLY), os.open("to", os.O_CREAT | os.O_WRONLY, 0o600)
    assert os.sendfile(target, source, 0, 10) == 10
    try:
        assert os.copy_file_range(source, target, 10, 0) == 10
    except OSError as error:
        assert error.errno in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP)
    reader, writer = os.pipe()
    assert os.splice(source, writer, 10, 0) == 10
    os.posix_fallocate(target, 0, 100)
    os.posix_fadvise(source, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    os.readv(reader, [bytearray(5)])
    os.pwritev(target, [b"a", b"b"], 0)
    assert os.preadv(source, [bytearray(5)], 0) == 5
    os.fdatasync(target)


@task
def files():
    os.mkdir("d", 0o700)
    with open("d/a", "w") as file:
        file.write("x")
    os.chmod("d/a", 0o1755)
    os.chmod("d", 0o1777)
    os.fchmod(os.open("d/a", os.O_RDONLY), 0o600)
    os.link("d/a", "d/b")
    os.symlink("a", "d/c")
    assert os.readlink("d/c") == "a"
    os.rename("d/b", "b")
    os.replace("b", "d/e")
    os.utime("d/a", (1, 2))
    os.truncate("d/a", 0)
    os.mkfifo("fifo", 0o600)
    os.chown("d/a", os.getuid(), os.getgid())
    os.statvfs(".")
    assert sorted(entry.name for entry in os.scandir("d")) == ["a", "c", "e"]
    os.access("d", os.W_OK)
    os.umask(os.umask(0o22))
    os.sync()
    os.unlink("d/e")


@task
def locks_on_files():
    with open("lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@task
def temporary_files():
    with tempfile.TemporaryFile(dir=".") as file, tempfile.NamedTemporaryFile(dir=".") as other:
        file.write(b"x")
        other.write(b"x")
    with tempfile.TemporaryDirectory(dir="."):
        pass


@task
def extended_attributes():
    with open("x", "w") as file:
        try:
            os.setxattr(file.fileno(), "user.a", b"1")
            assert os.listxattr("x") == ["user.a"]
        except OSError as error:
            assert error.errno in (errno.EOPNOTSUPP, errno.EPERM)


@task
def inotify():
    fd = libc.inotify_init1(0)
    assert fd >= 0
    assert libc.inotify_add_watch(fd, b".", 0x100) >= 0


@task
def sqlite():
    with sqlite3.connect("db") as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (a)")
        db.execute("insert into t values (1)")
    assert db.execute("select a from t").fetchone() == (1,)


@task
def terminals():
    controller, terminal = pty.openpty()
    termios.tcgetattr(terminal)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, array.array("H", [24, 80, 0, 0]))
    assert os.get_terminal_size(terminal) == (80, 24)
    os.ttyname(terminal)
    pid, fd = pty.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", "tty >/dev/null && exit 4"])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4


@task
def limits_and_scheduling():
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
    resource.prlimit(0, resource.RLIMIT_CORE)
    resource.getrusage(resource.RUSAGE_SELF)
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.sched_getscheduler(0)
    os.sched_yield()
    os.getpriority(os.PRIO_PROCESS, 0)
    os.getloadavg()
    os.cpu_count()


@task
def identity():
    for call in (os.getresuid, os.getgroups, os.getpgrp, os.getppid, os.uname):
        call()
    os.setuid(os.getuid())
    os.setgid(os.getgid())


@task
def randomness():
    assert len(os.getrandom(16)) == 16
    assert os.urandom(16)


@task
def closing_many_descriptors():
    os.closerange(200, 300)
    os.dup2(1, 250)
    os.set_inheritable(250, True)


@task
def membarrier_and_process_names():
    assert libc.syscall({"x86_64": 324, "aarch64": 283}[os.uname().machine], 0, 0, 0) >= 0
    assert libc.prctl(15, b"named", 0, 0, 0) == 0


@task
def semaphores_and_shared_segments_of_system_v():
    segment = libc.shmget(0, 4096, 0o1600)
    assert segment >= 0
    assert libc.shmctl(segment, 0, None) == 0


@task
def a_sandbox_of_its_own():
    """Landlock and seccomp go on being usable inside."""
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.syscall(444, None, 0, 1) > 0 or ctypes.get_errno() in (errno.ENOSYS, errno.EOPNOTSUPP)
    pid = os.fork()
    if pid == 0:
        program = ctypes.create_string_buffer(b"\x06\x00\x00\x00\x00\x00\xff\x7f", 8)
        header = ctypes.create_string_buffer(b"\x01" + bytes(7) + ctypes.addressof(program).to_bytes(8, "little"), 16)
        os._exit(libc.prctl(22, 2, header, 0, 0))
    assert os.waitpid(pid, 0)[1] == 0


@task
def a_web_server():
    code = (
        "import http.server, threading, urllib.request as u\n"
        "s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
        "print(u.urlopen(f'http://127.0.0.1:{s.server_port}/').status)\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("proxy")}
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, env=env).stdout == b"200\n"


if __name__ == "__main__":
    failed = 0
    for name, function in TASKS.items():
        try:
            function()
        except BaseException:
            failed += 1
            print(f"{name}: {traceback.format_exc(limit=-3)}", flush=True)
    print(f"{len(TASKS)} tasks, {failed} failed", flush=True)
