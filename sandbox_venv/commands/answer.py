"""What ``why`` answers, whatever it was asked about."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Answer:
    """What ``why`` says.

    Attributes:
        asked: the question.
        verdict: a word or two.
        good: allowed (True), not (False), or in between (None).
        rule: what decides.
        details: further lines.
        options: (what it does, how): what would change the verdict, the more cautious first.
    """

    asked: str
    verdict: str
    good: bool | None
    rule: str
    details: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
