"""Follow what the machine's file system leads to: links in /etc, /proc/self/mountinfo's sources, .. from every mount."""

from tests.escape.kit import Got, Lab


def setup(lab: Lab) -> list[str]:
    lab.write(lab.home / "beside.txt", mode=0o600)
    lab.write(lab.home / "other-project" / "secret.py")
    return [str(lab.home / "beside.txt"), str(lab.home / "other-project" / "secret.py")]


ATTACK = """
import os

def attack():
    texts = []
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    for row in rows:
        target = row[4].replace("\\\\040", " ")
        try:
            fd = os.open(target, os.O_PATH)
        except OSError:
            continue
        for depth in range(1, 9):
            for path in GIVEN:
                for way in ("../" * depth + path.lstrip("/"), "../" * depth + os.path.basename(path),
                            "../" * depth + os.path.relpath(path, os.path.dirname(os.environ["PWD"]))):
                    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_NOFOLLOW):
                        try:
                            with open(os.open(way, flags, dir_fd=fd)) as file:
                                texts.append(file.read(100))
                        except OSError:
                            pass
        os.close(fd)
    for path in GIVEN:
        for base in ("/proc/self/cwd/", "/proc/self/root/", "/proc/self/fd/0/../", "/dev/fd/1/", "/proc/self/task/%d/root/" % os.getpid(),
                     "/proc/self/exe/../", "/proc/self/map_files/../root/", "/proc/self/ns/mnt/../root", "/proc/1/root/", "/proc/2/root/"):
            try:
                with open(base + path) as file:
                    texts.append(file.read(100))
            except OSError:
                pass
    return texts

def twin():
    fd = os.open(os.environ["VIRTUAL_ENV"], os.O_PATH)
    with open(os.open("../.venv/pyvenv.cfg", os.O_RDONLY, dir_fd=fd)) as file:
        return "home" in file.read()
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value is True
