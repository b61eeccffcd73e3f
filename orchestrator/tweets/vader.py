"""The tweets that VADER was built on: number, mean rating and text, by tabs. Pure.

C. Hutto, E. Gilbert, ICWSM 2014: at least twenty raters each, from -4 (extremely negative) over 0 (neutral) to +4.
A mean that rounds to 0 is neutral; the rest is negative or positive by its sign.
"""

import math
from collections.abc import Iterator

from orchestrator.tweets.rows import BadSource, Rated

NEUTRAL_BELOW = 0.5
"""Raters answered in whole numbers: below a half the mean is nearest to the answer `neutral`."""

STRONGEST = 4.0


def read_vader(data: bytes) -> Iterator[Rated]:
    """Every row. `BadSource` names the line that is not as it should be."""
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if line.strip():
            fields = line.rstrip("\r").split("\t", 2)
            if len(fields) != 3:
                raise BadSource(f"line {number}: not a number, a rating and a text between tabs")
            yield Rated(fields[2], label_of(_rating(fields[1], number)))


def label_of(rating: float) -> str:
    """The class of a mean rating."""
    if abs(rating) < NEUTRAL_BELOW:
        return "neutral"
    return "positive" if rating > 0 else "negative"


def _rating(text: str, line: int) -> float:
    try:
        rating = float(text)
    except ValueError:
        rating = math.nan
    if not abs(rating) <= STRONGEST:
        raise BadSource(f"line {line}: {text[:20]!r} is not a rating between -4 and 4")
    return rating
