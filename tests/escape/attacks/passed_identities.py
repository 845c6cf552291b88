"""Lie about who is speaking: SCM_CREDENTIALS of another user or process; pass descriptors of what is mounted read-only."""

from tests.escape.kit import Got, Lab

ATTACK = """
import array
import os
import socket
import struct

def attack():
    done = []
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    own = (os.getpid(), os.getuid(), os.getgid())
    for who in ((1, own[1], own[2]), (own[0], own[1] + 1, own[2]), (own[0], own[1], own[2] + 1), (99999, 0, 0)):
        try:
            a.sendmsg([b"x"], [(socket.SOL_SOCKET, 2, struct.pack("iII", *who))])
            done.append(who)
        except OSError:
            pass
    fd = os.open(os.environ["VIRTUAL_ENV"] + "/pyvenv.cfg", os.O_RDONLY)
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    got = b.recvmsg(10, 100)[1]
    for _, kind, data in got:
        if kind != socket.SCM_RIGHTS:
            continue
        other = struct.unpack("i", data[:4])[0]
        for attempt in (lambda: os.write(other, b"planted"), lambda: os.ftruncate(other, 0), lambda: os.fchmod(other, 0o777),
                        lambda: os.utime(other, (1, 1)), lambda: os.open("/proc/self/fd/%d" % other, os.O_RDWR),
                        lambda: os.posix_fallocate(other, 0, 9999), lambda: os.setxattr(other, "user.x", b"y")):
            try:
                attempt()
                done.append("written")
            except OSError:
                pass
    return done

def twin():
    a, b = socket.socketpair()
    with open("/tmp/given", "w+") as file:
        socket.send_fds(a, [b"x"], [file.fileno()])
        _, fds, _, _ = socket.recv_fds(b, 1, 1)
        return os.write(fds[0], b"mine")
"""


def check(lab: Lab, got: Got) -> None:
    assert got.attack.value == [], got.attack
    assert got.twin is not None and got.twin.value == 4
