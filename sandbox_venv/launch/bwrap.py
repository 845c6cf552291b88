"""Backend ``bwrap``: the plan's options through ``bwrap --args FD``, init as its PID 1.

Hot: ``os`` and ``_signal`` only. bwrap itself is started with an empty environment: whatever it inherits can be
read inside through ``/proc/1/environ`` of its own start, and variables such as LD_PRELOAD would act on the host.
"""

from __future__ import annotations

from .inside import protocol
from .inside.config import Config
from .inside.init import open_descriptors
from .inside.system import os
from .waiter import kill_holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .planfile import Plan


def memory_file(data: bytes) -> int:
    """Return a descriptor of an anonymous file that holds ``data``, at its start (memfd_create(2))."""
    fd = os.memfd_create("sandbox-venv", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def arguments(plan: Plan, options: Sequence[bytes], config: Config, passed: list[int]) -> tuple[list[bytes], int, int]:
    """Return bwrap's argv and the pipe of its --info-fd; the descriptors that it needs are added to ``passed``."""
    reader, writer = os.pipe()
    # Named, a directory that can't be entered ends bwrap; else it goes on where it is. Init enters the program's own.
    option_list = [*options, b"--chdir", b"/", b"--as-pid-1", b"--info-fd", b"%d" % writer]
    if b"libraries" in plan.meta:  # init's interpreter doesn't start without
        option_list += [b"--setenv", b"LD_LIBRARY_PATH", plan.meta[b"libraries"]]
    # The reading end goes along: without it, a launcher that is killed now would end bwrap by a broken pipe while its
    # child waits for it, for ever. Init closes it.
    passed += [reader, writer]
    config.spare_fd = reader
    for program in (plan.seccomp_allow, plan.seccomp_deny):
        if program:
            fd = memory_file(program)
            passed.append(fd)
            option_list += [b"--add-seccomp-fd", b"%d" % fd]
    blob = memory_file(config.pack())
    args = memory_file(b"".join(item + b"\0" for item in option_list))
    code = os.open(plan.meta[b"dir"] + b"/init.bin", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    passed += [blob, args, code]
    argv = [plan.meta[b"bwrap"], b"--args", b"%d" % args, b"--", plan.meta[b"interpreter"], b"-I", b"-S"]
    return [*argv, b"/proc/self/fd/%d" % code, b"%d" % blob], reader, writer


def start_guard(status_fd: int) -> int:
    """Fork a process that kills what is left of a start whose launcher was killed; return its leash's end.

    Until init runs, bwrap's child waits for a bwrap that may have died with the launcher, for ever. Anything written to
    the leash dismisses the guard.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(reader)
        return writer
    try:
        for fd in open_descriptors():
            if fd not in (reader, status_fd):
                try:
                    os.close(fd)
                except OSError:  # the listing's own
                    pass
        if not os.read(reader, 1):
            while kill_holders(status_fd):
                pass
    finally:
        os._exit(0)


def lock_root(plan: Plan) -> bool:
    """Hold the ready-made root that a plan names, till this process ends; tell whether there is one."""
    if plan.records[3:4] != [b"/"]:
        return False
    from . import linux

    try:
        linux.hold(plan.records[4])
    except OSError:  # a newer plan has another: it is gone, or being removed
        return False
    return True


def said(plan: Plan, letter: bytes) -> list[bytes]:
    """Return what bwrap is told where a ready-made root is mounted before: `R` in the place of BASE, `A` after all."""
    records = plan.records
    words = [pair for what, *pair in zip(records[::3], records[1::3], records[2::3]) if what == letter]
    return [word for pair in words for word in pair if word]


def spawn(
    plan: Plan, options: Sequence[bytes], config: Config, descriptors: Sequence[int], *, merged: bool
) -> tuple[int, int, int]:
    """Start the sandbox; return our child's pid, where it says which pid init has, the guard's leash.

    ``merged``: the options take the ready-made root for granted.

    All signals are blocked when this is called, and stay blocked in bwrap: the terminal's signals are for the
    program alone.
    """
    passed = [*descriptors, config.status_fd]
    argv, reader, writer = arguments(plan, options, config, passed)
    leash = start_guard(config.status_fd)
    pid = os.fork()
    if pid == 0:
        try:
            if b"shelter" in plan.meta:
                from . import shelter

                shelter.enter(options, plan.records if merged else ())
            for fd in passed:
                os.set_inheritable(fd, True)
            os.execve(argv[0], argv, {})
        except OSError as error:
            protocol.fail(
                config,
                protocol.Stop(protocol.FAILED_SETUP, error.errno or 2, b"run %s: %s" % (argv[0], protocol.why(error))),
            )
        finally:
            os._exit(125)
    os.close(writer)
    return pid, reader, leash
