"""Lists and counts as they stand in sentences, and what sentences stand under. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.pages.badges import Tone
from orchestrator.pages.names import shown
from orchestrator.report.words import count_text

NAMED = 4
"""How many of a kind are named before the rest is counted."""


@dataclass(frozen=True)
class Said:
    """A subject: a heading, sentences, and how it stands."""

    heading: str
    sentences: tuple[str, ...]
    tone: Tone = Tone.QUIET


def listed(names: Iterable[str], most: int) -> str:
    """`a, b and c`, `a, b and 7 more`."""
    told = [shown(name) for name in names]
    if len(told) > most:
        told = [*told[: most - 1], f"{len(told) - most + 1} more"]
    return joined(told)


def joined(told: Sequence[str]) -> str:
    """`a, b and c` of texts of ours."""
    if len(told) < 2:
        return told[0] if told else "nothing"
    return f"{', '.join(told[:-1])} and {told[-1]}"


def counted(count: int, noun: str) -> str:
    """`3 boards`, `12,000 boards`."""
    return count_text(count, noun) if count < 1000 else f"{count:,} {noun}s"


def times_text(count: int) -> str:
    """`once`, `twice`, `7 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
