"""Which shared libraries programs load, worked out from the files alone."""

from .closure import Closure, Library, resolve_closure
from .dlopen import Dlopened, reviewed_dlopen
from .facts import FactsCache

__all__ = ["Closure", "Dlopened", "FactsCache", "Library", "resolve_closure", "reviewed_dlopen"]
