"""Leave a set-uid or set-gid file for others to start, or a device node."""

from tests.escape.kit import Got, Lab

ATTACK = """
import os
import stat

def attack():
    made = []
    for mode in (0o4755, 0o2755, 0o6777):
        path = "suid-%o" % mode
        for make in (lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, mode)), lambda: os.chmod(path, mode),
                     lambda: os.mkdir(path + "d", mode), lambda: os.mknod(path + "n", mode | stat.S_IFREG)):
            try:
                make()
            except OSError:
                pass
    for kind, number in ((stat.S_IFBLK, os.makedev(254, 0)), (stat.S_IFCHR, os.makedev(1, 1)), (stat.S_IFBLK, os.makedev(8, 0))):
        for folder in (".", "/tmp", "/dev", "/dev/shm"):
            try:
                os.mknod(folder + "/node", kind | 0o666, number)
                made.append([folder, kind])
            except OSError:
                pass
    for name in os.listdir("."):
        mode = os.lstat(name).st_mode
        if mode & 0o6000 and name.startswith("suid"):
            made.append([name, oct(mode)])
    return made

def twin():
    os.mkfifo("twin-fifo")
    os.mkdir("twin-dir", 0o1777)
    os.chmod("twin-dir", 0o755)
    os.unlink("twin-fifo")
    os.rmdir("twin-dir")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert not [path for path in lab.project.iterdir() if path.lstat().st_mode & 0o6000]
    assert got.twin is not None and got.twin.ok, got.twin
