"""From the caller to a process in new namespaces that is set up, or ended."""

from __future__ import annotations

import os

from .. import linux
from ..child import LAUNCHER_FAILED, clone, close_others, die_with_parent, watch_self
from .failure import LOG_ERR, Failure, write_line
from .options import Options
from .setup import Setup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

EINVAL, EPERM, ENOSPC = 22, 1, 28  # errno(3)


def spawn(
    options: Options,
    child_main: Callable[[], object],
    pdeathsig: bool = True,
    keep_fds: Iterable[int] = (),
) -> int:
    """Start a child in the namespaces of ``options``, set it up there, and let it call ``child_main``.

    The child is PID 1 of its PID namespace where --unshare-pid is given. --block-fd, --chdir, --setenv and its kin,
    filters, --new-session, --cap-add's ambient set and what follows "--" are left to ``child_main``. A failure of any
    step, and a ``child_main`` that returns or raises, end the child with status 125 after one line on stderr and
    ``options.on_fail(errno)``.

    Args:
        options: from `parse`.
        child_main: never returns.
        pdeathsig: the child is killed when the caller dies.
        keep_fds: descriptors that stay open in the child, beside 0, 1 and 2.

    Returns:
        The child's pid, at once; its set-up goes on meanwhile.

    Raises:
        Failure: the namespaces can't be made; nothing runs.
    """
    alive = watch_self() if pdeathsig else ()
    pid = clone_child(options)
    if pid:
        if alive:
            os.close(alive[0])
        return pid
    failed = 0
    try:
        die_with_parent(alive)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        Setup(options).run()
        die_with_parent(alive[:1])  # changed credentials reset it
        close_others(keep_fds)
        child_main()
    except BaseException as error:  # noqa: BLE001 - nothing may get past this line
        failed = report(options, error)
    return _end(options, failed)


def _end(options: Options, failed: int) -> NoReturn:
    """End the child, whatever happens."""
    try:
        if options.on_fail is not None:
            options.on_fail(failed)
    finally:
        os._exit(LAUNCHER_FAILED)


def clone_child(options: Options) -> int:
    """Fork into the namespaces of ``options``, with bubblewrap's words for what can go wrong."""
    try:
        return clone(options.clone_flags())
    except OSError as error:
        number = error.errno or 0
    if options.unshare_user and number == EINVAL:
        raise Failure(b"Creating new namespace failed, likely because the kernel does not support user namespaces.")
    if options.unshare_user and number == EPERM:
        raise Failure(
            b"No permissions to create a new namespace, likely because the kernel does not allow non-privileged user "
            b"namespaces. On e.g. debian this can be enabled with 'sysctl kernel.unprivileged_userns_clone=1'."
        )
    if number == ENOSPC:
        raise Failure(
            b"Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)"
        )
    raise Failure(b"Creating new namespace failed", number)


def wait_for_byte(fd: int) -> None:
    """Wait until ``fd`` gives a byte or ends, and close it."""
    try:
        os.read(fd, 1)
        os.close(fd)
    except OSError:
        pass  # as bwrap: a descriptor that can't be read blocks nothing


def report(options: Options, error: BaseException) -> int:
    """Write the one line that says what went wrong; return the errno, or 0."""
    if isinstance(error, Failure):
        number, line = error.number, error.line()
    elif isinstance(error, OSError):
        number = error.errno or 0
        line = b"set up the sandbox: " + os.strerror(number).encode()
    else:
        number, line = 0, f"set up the sandbox: {type(error).__name__}: {error}".encode("utf-8", "replace")
    if options.as_bwrap:
        write_line((b"<" + LOG_ERR + b">" if options.level_prefix else b"") + b"bwrap: " + line)
    else:
        write_line(b"sandbox-venv: native: " + line)
    return number
