"""The plan file: what a compile decided, as a few flat sections (docs/architecture.md, "Plan file").

Hot: imports ``os`` only. Everything is bytes.
"""

from __future__ import annotations

from .inside.system import modes as stat
from .inside.system import os

MAGIC = b"SVPLAN\r\n"
FORMAT = 2
MODULUS = (1 << 61) - 1
MAX_SIZE = 8 << 20
PIECE = 61 * 64
HEADER = 24

META, STAMPS, ENV, ENTRIES, BASE, SLOTS, TAIL, PROTECT, SECCOMP_ALLOW, SECCOMP_DENY, RECORDS = range(11)
SECTIONS = 11
RAW = (SECCOMP_ALLOW, SECCOMP_DENY)


class PlanError(Exception):
    """The plan file is missing, foreign, damaged or of another format: a reason to compile anew."""


class Plan:
    """A plan as read from its file.

    Attributes:
        meta: dict of bytes to bytes.
        stamps: list, alternating path and stamp (see :func:`stamp`).
        env: list, alternating rule and value.
        entries: names of entry points that start install sessions.
        base, tail: bubblewrap options, one item each.
        slots: list, kind and two arguments in turn.
        protect: names probed at the top of the project at each start.
        seccomp_allow, seccomp_deny: raw ``struct sock_filter[]``, may be empty.
        records: the same mounts for the C launcher (``plan/records.py``), empty where it can't do them.
    """

    __slots__ = (
        "base", "entries", "env", "meta", "protect", "records", "seccomp_allow", "seccomp_deny", "slots", "stamps",
        "tail",
    )  # fmt: skip

    def __init__(self, sections: list[bytes]) -> None:
        lists = [s.split(b"\0")[:-1] for s in sections]
        meta = lists[META]
        self.meta = dict(zip(meta[::2], meta[1::2]))
        self.stamps = lists[STAMPS]
        self.env = lists[ENV]
        self.entries = lists[ENTRIES]
        self.base = lists[BASE]
        self.slots = lists[SLOTS]
        self.tail = lists[TAIL]
        self.protect = lists[PROTECT]
        self.seccomp_allow = sections[SECCOMP_ALLOW]
        self.seccomp_deny = sections[SECCOMP_DENY]
        self.records = lists[RECORDS]

    def sections(self) -> list[list[bytes] | bytes]:
        """Return the sections in file order, for :func:`encode`."""
        meta = [item for pair in self.meta.items() for item in pair]
        return [
            meta, self.stamps, self.env, self.entries, self.base, self.slots, self.tail, self.protect,
            self.seccomp_allow, self.seccomp_deny, self.records,
        ]  # fmt: skip


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def checksum(data: bytes | memoryview) -> int:
    """Return ``data``, read as one little-endian number, modulo 2^61-1.

    2^61 is 1 there, so pieces of a multiple of 61 bits are just added: that takes less time and memory.
    """
    view = memoryview(data)
    pieces = [view[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return sum([int.from_bytes(piece, "little") for piece in pieces]) % MODULUS


def encode(sections: list[list[bytes] | bytes]) -> bytes:
    """Return the bytes of a plan file.

    Raises:
        ValueError: an item holds a NUL byte, or the number of sections is wrong.
    """
    if len(sections) != SECTIONS:
        raise ValueError("wrong number of sections")
    bodies = []
    for section in sections:
        if isinstance(section, bytes):
            bodies.append(section)
            continue
        if any(b"\0" in item for item in section):
            raise ValueError("NUL byte in a plan item")
        bodies.append(b"".join(item + b"\0" for item in section))
    offset = HEADER + 8 * SECTIONS
    table = b""
    for body in bodies:
        table += offset.to_bytes(4, "little") + len(body).to_bytes(4, "little")
        offset += len(body)
    rest = table + b"".join(bodies)
    numbers = FORMAT.to_bytes(4, "little") + SECTIONS.to_bytes(4, "little") + checksum(rest).to_bytes(8, "little")
    return MAGIC + numbers + rest


def decode(data: bytes) -> Plan:
    """Return the plan that ``data`` holds.

    Raises:
        PlanError: anything about it is not as :func:`encode` writes it.
    """
    if data[:8] != MAGIC or _number(data, 8, 4) != FORMAT or _number(data, 12, 4) != SECTIONS:
        raise PlanError("not a plan of this version")
    if checksum(memoryview(data)[HEADER:]) != _number(data, 16, 8):
        raise PlanError("damaged (checksum)")
    sections = []
    end = HEADER + 8 * SECTIONS
    for index in range(SECTIONS):
        offset = _number(data, HEADER + 8 * index, 4)
        length = _number(data, HEADER + 8 * index + 4, 4)
        if offset != end or offset + length > len(data):
            raise PlanError("damaged (sections)")
        end = offset + length
        body = data[offset:end]
        if index in RAW:
            if length % 8:
                raise PlanError("damaged (filter)")
        elif body and body[-1]:
            raise PlanError("damaged (list)")
        sections.append(body)
    if end != len(data):
        raise PlanError("damaged (length)")
    plan = Plan(sections)
    if len(plan.slots) % 3 or len(plan.stamps) % 2 or len(plan.env) % 2:
        raise PlanError("damaged (items)")
    return plan


def read(path: bytes) -> Plan:
    """Read and check the plan file at ``path``: a regular file of ours that nobody else can write.

    Raises:
        PlanError: it isn't there or isn't right.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PlanError(error.strerror) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PlanError("not a file of this user alone")
        if not HEADER <= status.st_size <= MAX_SIZE:
            raise PlanError("not the size of a plan")
        data = os.read(fd, status.st_size + 1)
    finally:
        os.close(fd)
    return decode(data)


def stamp(path: bytes) -> bytes:
    """Return ``dev:ino:size:mtime_ns:ctime_ns`` of ``path`` itself (a link isn't followed), ``-`` where absent."""
    try:
        s = os.lstat(path)
    except OSError:
        return b"-"
    return b"%d:%d:%d:%d:%d" % (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)


def is_fresh(plan: Plan) -> bool:
    """Tell whether nothing that the plan was compiled from has changed since."""
    stamps = plan.stamps
    return all(stamp(path) == old for path, old in zip(stamps[::2], stamps[1::2]))
