"""Backend ``native`` for a plan: its options by direct system calls, init as the forked launcher itself.

Hot, as `linux`. What bwrap does for its command after the set-up is done here for init, but for the
filters, which are the program's alone.
"""

from __future__ import annotations

import os

from . import linux, native
from .child import wipe_environ_block
from .failure import LaunchError
from .inside import init, landlock, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .inside.config import Config
    from .planfile import Plan


def spawn(plan: Plan, options: list[bytes], config: Config) -> int:
    """Start the sandbox; return init's pid.

    Raises:
        LaunchError: the options are wrong, or the namespaces can't be made.
    """
    pipes = init.open_pipes()
    try:
        parsed = native.parse(options)
        parsed.on_fail = lambda number: protocol.send(
            config.status_fd, protocol.FAILED, protocol.FAILED_SETUP << 16 | number
        )
        kept = [*pipes, *[int(fd) for fd in config.keep], parsed.block_fd]
        return native.spawn(parsed, lambda: become_init(plan, parsed, config), keep_fds=kept)
    except native.Usage as error:
        line = b"native: " + error.line()
        raise LaunchError(line, b"see where the option comes from: sandbox-venv explain") from None
    except native.Failure as error:
        from ..hints import no_namespaces

        raise no_namespaces(error.line()) from None


def become_init(plan: Plan, parsed: native.Options, config: Config) -> None:
    """Be PID 1 of the sandbox that was set up; never returns."""
    filters = (*parsed.seccomp, plan.seccomp_allow, plan.seccomp_deny)
    wipe_environ_block()
    if parsed.block_fd >= 0:
        native.wait_for_byte(parsed.block_fd)
    if parsed.new_session:
        os.setsid()
    linux.raise_ambient(parsed.caps)
    config.verify = []  # native attaches by descriptor
    init.run(config, landlock, lambda: linux.seccomp_filters(filters))
