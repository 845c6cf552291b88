"""The loopback interface of a new network namespace. netdevice(7)."""

from __future__ import annotations

from ..child import interface_up
from .failure import Failure


def loopback_up() -> None:
    """Bring up ``lo``; the kernel then gives it 127.0.0.1 and ::1 by itself."""
    try:
        interface_up(b"lo")
    except OSError as error:
        raise Failure(b"loopback: Failed to bring up lo", error.errno or 0) from None
