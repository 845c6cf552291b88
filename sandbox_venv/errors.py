"""The one exception that users see, and what goes into its text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LAUNCHER_FAILED = 125
"""Exit status of a launcher that failed before the program ran (as env(1), timeout(1) and docker use it)."""


class SandboxError(Exception):
    """What went wrong, in one line, with what to do about it.

    Args:
        message: ``verb object: reason``, without the program's name and without a final full stop.
        hint: what the user can do, or None.
        status: exit status of the command; 125 = the launcher failed, no program ran.
    """

    def __init__(self, message: str, hint: str | None = None, status: int = LAUNCHER_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status

    def render(self) -> str:
        """Return the text for stderr: one line, and a hint line where there is a hint."""
        lines = [f"sandbox-venv: {one_line(self.message)}"]
        if self.hint:
            lines.append(f"hint: {one_line(self.hint)}")
        return "\n".join(lines) + "\n"


def one_line(text: str) -> str:
    """Return ``text`` with what a terminal would obey spelled out, but for bytes that are no UTF-8."""
    return "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)


def shown(name: str) -> str:
    """Return a name as it can be printed: quoted where it holds anything that a terminal, or a reader, takes amiss."""
    return name if name.isprintable() and name == name.strip() and name else ascii(name)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like ``word``, or None."""
    import difflib

    found = difflib.get_close_matches(word, list(known), 1)
    return found[0] if found else None
