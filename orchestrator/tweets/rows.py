"""A labelled text, before and after cleaning. Pure."""

from dataclasses import dataclass

CLASSES = ("negative", "neutral", "positive")
"""The three classes of reputation polarity, in the order of a model's outputs."""


@dataclass(frozen=True)
class Rated:
    """A text as its source has it. `confidence` is the share of raters behind the label, 0 to 1."""

    text: str
    label: str
    confidence: float = 1.0


@dataclass(frozen=True)
class Row:
    """A cleaned text of one line, and its label."""

    text: str
    label: str


class BadSource(Exception):
    """A file that is not what its format says; the message says where, and in what."""
