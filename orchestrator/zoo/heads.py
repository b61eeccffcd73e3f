"""What stands on top of a network, and what it gives. Pure."""

import re
from dataclasses import dataclass

from orchestrator.errors import ModelError
from orchestrator.zoo.shapes import Family, Shape

MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Head:
    """`classification` gives `logits` of 1 × classes, `qa` gives `start` and `end` of 1 × length, `generation` gives
    `logits` of 1 × vocabulary for the token after the last."""

    kind: str
    classes: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.classes}" if self.classes else self.kind

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return ("start", "end") if self.kind == "qa" else ("logits",)

    @property
    def mark(self) -> str:
        """What it adds to the name of an artifact; nothing for the usual."""
        if self == USUAL or self.kind == "generation":
            return ""
        return f"-c{self.classes}" if self.kind == "classification" else f"-{self.kind}"


USUAL = Head("classification", 2)
"""Two classes, as most tasks of GLUE have."""

_HEAD = re.compile(r"classification(?::([0-9]{1,6}))?|qa|generation")


def parse_head(text: str | None, shape: Shape) -> Head:
    """`classification:3`, `qa` or `generation`; None is the usual one of the shape. `ModelError` where it cannot be."""
    decodes = shape.family is Family.DECODER
    if text is None:
        return Head("generation") if decodes else USUAL
    match = _HEAD.fullmatch(text)
    if match is None:
        raise ModelError(f"{text}: no such head", "write classification:3 (or another number), qa, or generation")
    if decodes != (text == "generation"):
        raise ModelError(
            f"{text}: not a head for {shape.name}",
            "a decoder generates, an encoder does not: take decoder-small, or another head",
        )
    if not text.startswith("classification"):
        return Head(text)
    classes = int(match[1] or USUAL.classes)
    if not 2 <= classes <= MOST_CLASSES:
        raise ModelError(f"{text}: {classes} classes", f"there can be 2 to {MOST_CLASSES:,}")
    return Head("classification", classes)
