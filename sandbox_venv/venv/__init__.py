"""What a venv is, wrapping it, unwrapping it, taking over what an install left."""

from .adopt import adopt
from .inspect import VenvInfo, inspect_venv, locate
from .record import Record, find_record, read_record
from .unwrap import unwrap_venv
from .wrap import wrap_venv

__all__ = [
    "Record", "VenvInfo", "adopt", "find_record", "inspect_venv", "locate", "read_record", "unwrap_venv", "wrap_venv",
]  # fmt: skip
