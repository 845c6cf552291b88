"""Open sockets of families that hold kernel code no program needs: raw, packet, netlink but routes, vsock, crypto."""

from tests.escape.kit import Got, Lab

ATTACK = """
import socket

FAMILIES = (3, 4, 5, 6, 9, 15, 17, 18, 20, 21, 22, 23, 24, 26, 27, 29, 30, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45)

def attack():
    done = []
    for family in FAMILIES:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            for high in (0, 1 << 31):
                try:
                    socket.socket(family, kind, 0).close()
                    done.append([family, int(kind)])
                except (OSError, OverflowError):
                    pass
    for protocol in range(1, 23):
        try:
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol).close()
            done.append(["netlink", protocol])
        except OSError:
            pass
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (socket.IPPROTO_RAW, socket.IPPROTO_ICMP, 132, 33, 136, 262):
            for kind in (socket.SOCK_RAW, socket.SOCK_SEQPACKET, socket.SOCK_RDM):
                try:
                    socket.socket(family, kind, protocol).close()
                    done.append(["inet", int(kind), protocol])
                except OSError:
                    pass
    return done

def twin():
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        socket.socket(family, socket.SOCK_STREAM).close()
        socket.socket(family, socket.SOCK_DGRAM).close()
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    a, b = socket.socketpair()
    a.send(b"x")
    return b.recv(1).decode()
"""


def check(lab: Lab, got: Got) -> None:
    done = [
        item for item in got.attack.value if item[0] != "inet" or item[2] not in (132, 262)
    ]  # SCTP, MPTCP: ordinary
    assert done == [], got.attack
    assert got.twin is not None and got.twin.value == "x"
