"""What a venv is, wrapping it, unwrapping it, taking over what an install left."""

from .inspect import VenvInfo, inspect_venv, locate
from .record import Record, find_record, read_record
from .wrap import wrap_venv

__all__ = ["Record", "VenvInfo", "find_record", "inspect_venv", "locate", "read_record", "wrap_venv"]
