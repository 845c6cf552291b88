"""Capabilities: their names, and what is left of them."""

from __future__ import annotations

from .. import linux
from .failure import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Options

EPERM = 1  # errno(3)
ALL_CAPS = (1 << 64) - 1

# linux/capability.h, in the order of their numbers
_NAMES = (
    b"chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    b"net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct "
    b"sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap "
    b"mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)


def cap_bit(name: bytes) -> int:
    """Return the bit of a capability, by its name (``CAP_KILL``, any case) or number.

    Raises:
        Usage: no such capability.
    """
    lowered = name.lower()
    names = _NAMES.split()
    if lowered.startswith(b"cap_") and lowered[4:] in names:
        return 1 << names.index(lowered[4:])
    if name.isdigit() and int(name) < 64:
        return 1 << int(name)
    raise Usage(b"unknown cap: " + name)


def drop_caps(options: Options, keep: bool) -> None:
    """Drop all capabilities, or all but the requested ones. For root, none are touched unless an option says so."""
    caps = 0
    if keep:
        if not options.caps_given and options.real_uid == 0:
            return
        caps = options.caps
    try:
        linux.capset(caps, caps, caps)
    except OSError as error:
        if error.errno != EPERM or options.real_uid != 0 or not options.as_bwrap:
            raise
