"""The backend that needs no bubblewrap: its option language (release 0.11.1), executed by direct system calls."""

from __future__ import annotations

from .failure import Failure, Usage
from .options import Options
from .parser import parse
from .spawn import spawn, wait_for_byte

__all__ = ["Failure", "Options", "Usage", "parse", "spawn", "wait_for_byte"]
