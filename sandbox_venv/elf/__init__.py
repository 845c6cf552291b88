"""Which shared libraries programs load, worked out from the files alone."""

from .closure import Closure, Library, resolve_closure
from .facts import FactsCache

__all__ = ["Closure", "FactsCache", "Library", "resolve_closure"]
