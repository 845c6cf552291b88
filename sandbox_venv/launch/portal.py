"""A filtered session bus (the preset ``desktop``): xdg-dbus-proxy(1), started beside the session and ended with it.

Hot where that preset asks for it. Where there is no session bus, nothing is added and nothing is said.
"""

from __future__ import annotations

import os
import select
import stat

from . import desktop, outside, slots
from .bwrap import memory_file
from .inside import init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .planfile import Plan
    from .slots import Slots

INSIDE = b"/run/sandbox-venv"
OPENER = INSIDE + b"/xdg-open"
NAMES = (b"/usr/bin/xdg-open", b"/usr/bin/x-www-browser")
VARIABLES = (b"DBUS_SESSION_BUS_ADDRESS", b"BROWSER")
INFO = b"[Application]\nname=io.sandbox_venv.Program\n"
"""What GLib, Qt and xdg-open look for to use portals. The portal itself looks at the proxy, which has no such file."""

READY_WITHIN = 5000  # milliseconds; some 10 are usual


class Proxy:
    """One running proxy: a child of the launcher's.

    Attributes:
        pid: its pid.
        reader: a pipe that it holds the other end of: it ends when this is closed, so when the launcher is killed.
        folder: where its socket lies; no backend binds a file that has no path any more, so it stays that long.
    """

    def __init__(self, pid: int, reader: int, folder: bytes) -> None:
        self.pid = pid
        self.reader = reader
        self.folder = folder

    def end(self) -> None:
        """End it. It keeps nothing that would have to be written."""
        os.close(self.reader)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        remove_folder(self.folder)


def bus_path(env: dict[bytes, bytes]) -> bytes:
    """Return the path of the session bus's socket, b"" where there is none: D-Bus specification, "unix:"."""
    for address in env.get(b"DBUS_SESSION_BUS_ADDRESS", b"").split(b";"):
        kind, _, rest = address.partition(b":")
        for item in rest.split(b",") if kind == b"unix" else ():
            if item[:6] == b"path=/" and b"%" not in item:
                return os.path.normpath(item[5:])
    if b"DBUS_SESSION_BUS_ADDRESS" in env:
        return b""  # of another kind: an abstract socket, TCP
    folder = env.get(b"XDG_RUNTIME_DIR", b"")
    return folder + b"/bus" if folder[:1] == b"/" else b"/run/user/%d/bus" % os.getuid()


def start(program: bytes, folder: bytes, arguments: list[bytes]) -> Proxy | None:
    """Start the proxy in ``folder``, which its socket goes to; None where it doesn't get ready.

    It sees nothing of the caller's: no variable, no descriptor. All signals are blocked by now and stay so: what the
    terminal sends is for the program.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)  # a socket's path is at most 107 bytes long: its name alone is given
            null = os.open(b"/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.closerange(3, writer)
            os.closerange(writer + 1, max(init.open_descriptors()) + 1)
            os.set_inheritable(writer, True)
            os.execve(program, [program, b"--fd=%d" % writer, *arguments], {})
        finally:
            os._exit(125)
    os.close(writer)
    proxy = Proxy(pid, reader, folder)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    if poll.poll(READY_WITHIN) and os.read(reader, 1):
        return proxy
    proxy.end()
    return None


def make_folder(plan: Plan) -> bytes:
    """Return a new directory for one socket, and remove those of launchers that were killed while they had one."""
    top = plan.meta[b"dir"]
    for name in os.listdir(top):
        number = name[6:]
        if name[:6] == b"proxy-" and (number == b"%d" % os.getpid() or not os.path.exists(b"/proc/" + number)):
            remove_folder(top + b"/" + name)
    folder = top + b"/proxy-%d" % os.getpid()
    os.mkdir(folder, 0o700)
    return folder


def remove_folder(folder: bytes) -> None:
    """Remove such a directory with its socket."""
    try:
        os.unlink(folder + b"/bus")
    except FileNotFoundError:
        pass
    os.rmdir(folder)


def start_for(plan: Plan, bus: bytes) -> tuple[Proxy, int, os.stat_result] | None:
    """Start the proxy of a session; return it with its socket, opened."""
    calls = [b"--call=" + rule for rule in plan.meta[b"bus-calls"].split(b"\1")]
    arguments = [b"unix:path=" + bus, b"bus", b"--filter", *calls]
    proxy = start(plan.meta[b"dbus-proxy"], make_folder(plan), arguments)
    if proxy is None:
        return None
    try:
        fd = slots.open_path(proxy.folder + b"/bus")
    except OSError:
        proxy.end()
        return None
    return proxy, fd, os.fstat(fd)


def add(plan: Plan, filled: Slots, env: dict[bytes, bytes]) -> Proxy | None:
    """Show a filtered bus and an xdg-open that uses it; return the proxy to be ended after the session.

    None, with nothing shown, where there is no session bus, or where options of the user's cover the places.
    """
    bus = bus_path(env)
    for name in VARIABLES:
        env.pop(name, None)
    if not bus or b"\n" in bus or b"," in bus or outside.is_shown(plan, INSIDE):
        return None
    opened = desktop.open_file(bus)
    if opened is None:
        return None
    os.close(opened[0])
    found = start_for(plan, bus) if stat.S_ISSOCK(opened[1].st_mode) else None
    if found is None:
        return None
    proxy, fd, status = found
    filled.options += [b"--dir", INSIDE]
    filled.add(b"--ro-bind-fd", fd, INSIDE + b"/bus", status)
    for data, path, mode in ((plan.meta[b"opener"], OPENER, b"0555"), (INFO, b"/.flatpak-info", b"0444")):
        file = memory_file(data)
        filled.descriptors.append(file)
        filled.options += [b"--perms", mode, b"--ro-bind-data", b"%d" % file, path]
    for name in NAMES:
        if not outside.is_shown(plan, name):
            filled.options += [b"--symlink", OPENER, name]
    env[b"DBUS_SESSION_BUS_ADDRESS"] = b"unix:path=" + INSIDE + b"/bus"
    env[b"BROWSER"] = OPENER
    return proxy
