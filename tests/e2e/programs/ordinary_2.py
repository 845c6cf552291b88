"""Ordinary operations, part 2: each must work inside as outside. Prints what does not."""

# ruff: noqa: ARG005, BLE001, PT018, RUF059, SIM115
# mypy: ignore-errors

import contextlib
import ctypes
import fcntl
import getpass
import grp
import multiprocessing as mp
import os
import platform
import pty
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import uuid

OPS = []


def op(f):
    OPS.append(f)
    return f


def mk(path):
    open(path, "w").close()
    return path


@op
def who():
    assert getpass.getuser()
    e = pwd.getpwuid(os.getuid())
    assert e.pw_dir == os.environ["HOME"] == os.path.expanduser("~"), (e, os.environ["HOME"])
    grp.getgrgid(os.getgid())
    os.getgroups()
    assert os.path.isdir(os.path.expanduser("~"))


@op
def resolve_localhost():
    assert socket.getaddrinfo("localhost", 80)
    assert socket.gethostname()
    socket.getfqdn()
    socket.getservbyname("http")
    socket.getprotobyname("tcp")
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    socket.gethostbyname(socket.gethostname())


@op
def loopback_tcp_udp_unix():
    s = socket.create_server(("127.0.0.1", 0))
    c = socket.create_connection(s.getsockname())
    a, _ = s.accept()
    c.send(b"x")
    assert a.recv(1) == b"x"
    a.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("127.0.0.1", 0))
    u.sendto(b"x", u.getsockname())
    u.recvmsg(10)
    x = socket.socket(socket.AF_UNIX)
    x.bind(tempfile.mktemp())
    x.listen()
    y = socket.socket(socket.AF_UNIX)
    y.bind("\0abstract" + str(os.getpid()))
    if socket.has_ipv6:
        with contextlib.suppress(OSError):
            socket.create_server(("::1", 0), family=socket.AF_INET6)


@op
def interfaces():
    assert socket.if_nameindex()


@op
def send_fds():
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [0])
    os.close(socket.recv_fds(b, 1, 1)[1][0])


@op
def unix_peercred():
    a, b = socket.socketpair()
    pid, uid, gid = struct.unpack("3i", a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    assert pid == os.getpid() and uid == os.getuid()


@op
def temp():
    with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d), tempfile.SpooledTemporaryFile() as s:
        s.write(b"x")
        s.rollover()
    open("/var/tmp/x", "w").close()
    open("/tmp/x", "w").close()
    assert os.access(tempfile.gettempdir(), os.W_OK)


@op
def setitimer():
    got = []
    signal.signal(signal.SIGALRM, lambda *a: got.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.1)
    assert got
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.getitimer(signal.ITIMER_PROF)


@op
def sigwait():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    os.kill(os.getpid(), signal.SIGUSR1)
    assert signal.sigtimedwait([signal.SIGUSR1], 1).si_signo == signal.SIGUSR1
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


@op
def openpty():
    a, b = pty.openpty()
    assert os.ttyname(b).startswith("/dev/pts/")
    fcntl.ioctl(a, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    assert os.get_terminal_size(b) == (20, 10)
    import tty

    tty.setraw(b)


@op
def pty_spawn():
    pid, fd = pty.fork()
    if not pid:
        os.execlp("sh", "sh", "-c", "tty >/dev/null; stty size 2>/dev/null; echo done")
    out = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(fd, 100):
            out += chunk
    os.waitpid(pid, 0)
    assert b"done" in out


@op
def disk_usage():
    shutil.disk_usage(".")
    os.statvfs("/")
    shutil.which("sh")


@op
def platform_info():
    platform.platform()
    platform.libc_ver()
    platform.processor()
    assert platform.freedesktop_os_release()["ID"] if hasattr(platform, "freedesktop_os_release") else 1
    platform.uname()
    os.uname()
    os.getloadavg()
    os.sysconf("SC_PHYS_PAGES")
    open("/proc/meminfo").read()
    open("/proc/cpuinfo").read()
    open("/proc/self/status").read()
    open("/proc/stat").read()


@op
def uuids():
    uuid.uuid1()
    uuid.uuid4()
    uuid.getnode()
    os.getrandom(8)
    os.urandom(8)


@op
def shared_memory_and_semaphores():
    from multiprocessing import shared_memory

    m = shared_memory.SharedMemory(create=True, size=1 << 20)
    m.buf[0] = 1
    m.close()
    m.unlink()
    s = mp.Semaphore(2)
    s.acquire()
    s.release()
    mp.Queue().put(1)
    mp.Value("i", 3)
    mp.Barrier(1).wait()
    mp.Event()
    mp.Condition()


@op
def posix_mq_and_sysv():
    libc = ctypes.CDLL(None, use_errno=True)
    i = libc.shmget(0, 4096, 0o1600)
    assert i >= 0, ctypes.get_errno()
    assert libc.shmctl(i, 0, None) == 0
    q = libc.semget(0, 1, 0o1600)
    assert q >= 0


@op
def fork_exec():
    pid = os.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-c", "pass"])
    assert os.waitpid(pid, 0)[1] == 0
    assert os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ) and os.wait()[1] == 0


@op
def many_threads():
    lock = threading.Event()
    ts = [threading.Thread(target=lock.wait) for _ in range(300)]
    [t.start() for t in ts]
    lock.set()
    [t.join() for t in ts]
    threading.get_native_id()
    threading.stack_size(1 << 20)
    t = threading.Thread(target=int)
    t.start()
    t.join()
    threading.stack_size(0)
    time.thread_time()
    time.pthread_getcpuclockid(threading.get_ident())


@op
def modules():
    import curses
    import curses.panel
    import hashlib

    curses.setupterm("xterm")
    curses.setupterm("screen-256color")
    hashlib.scrypt(b"x", salt=b"y", n=2, r=1, p=1)
    hashlib.new("sha3_256")


@op
def git_and_sh():
    assert subprocess.run(["git", "--version"], capture_output=True).returncode == 0
    assert subprocess.run("echo $0; ls; cat /dev/null; env", shell=True, capture_output=True).returncode == 0
    assert os.system("true") == 0
    os.popen("ls").read()
    subprocess.run(
        "git init -q repo && cd repo && git config user.email a@b && git config user.name n && echo 1 > f && git add f && git commit -qm x && git log -1 --format=%s && rm -r ../repo || /bin/true",
        shell=True,
        capture_output=True,
    )


@op
def not_there():
    try:
        subprocess.run(["no-such-program"])
    except FileNotFoundError:
        pass
    try:
        subprocess.run(["/usr/bin/gcc"])
    except FileNotFoundError:
        pass


@op
def executable_and_prefix():
    assert sys.prefix == os.environ["VIRTUAL_ENV"]
    assert os.path.dirname(sys.executable) == sys.prefix + "/bin"
    assert sys.prefix != sys.base_prefix
    import sysconfig

    sysconfig.get_paths()
    assert os.path.isdir(sysconfig.get_paths()["purelib"])
    sysconfig.get_config_vars()
    assert (
        subprocess.check_output([sys.executable, "-c", "import sys; print(sys.prefix)"], text=True).strip()
        == sys.prefix
    )
    import site

    site.getsitepackages()


@op
def nested_python_by_name():
    env = {**os.environ, "PATH": sys.prefix + "/bin:" + os.environ.get("PATH", "")}
    assert (
        subprocess.check_output(["python", "-c", "import sys; print(sys.prefix)"], text=True, env=env).strip()
        == sys.prefix
    )


@op
def venv_creation():
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "inner"], check=True)
    assert (
        subprocess.check_output(["inner/bin/python", "-c", "import sys; print(sys.prefix)"], text=True)
        .strip()
        .endswith("inner")
    )
    shutil.rmtree("inner")


@op
def files():
    os.mkdir("d")
    os.symlink("d", "l")
    os.link(__file__ if False else mk("f"), "h")
    os.rename("h", "h2")
    os.chmod("f", 0o600)
    os.utime("f")
    os.truncate("f", 10)
    os.mkfifo("p")
    fcntl.flock(open("f"), fcntl.LOCK_EX)
    fcntl.lockf(open("f", "r+"), fcntl.LOCK_EX)
    os.fsync(os.open("f", os.O_RDWR))
    os.posix_fallocate(os.open("f", os.O_RDWR), 0, 100)
    os.posix_fadvise(os.open("f", os.O_RDWR), 0, 0, os.POSIX_FADV_DONTNEED)
    os.pread(os.open("f", 0), 1, 0)
    os.pwritev(os.open("f", os.O_RDWR), [b"x"], 0)
    os.umask(os.umask(0))
    os.scandir(".")
    os.chown("f", -1, os.getgid())
    os.lchown("l", -1, -1)
    os.sync()
    os.fwalk(".")
    os.listdir(os.open(".", 0))
    fcntl.fcntl(os.open(".", 0), fcntl.F_NOTIFY, 0)
    for n in ("f", "h2", "p", "l"):
        os.unlink(n)
    os.rmdir("d")


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
