"""What the compiler tells while it works. Pure."""

from dataclasses import dataclass

from orchestrator.apart.steps import Failed, Language


@dataclass(frozen=True)
class Doing:
    """A part of the work is begun."""

    words: str


@dataclass(frozen=True)
class Compiled:
    """The last word of one that made its module."""

    size_bytes: int
    seconds: float
    peak_rss_bytes: int


Step = Doing | Compiled | Failed

_LANGUAGE = Language[Step]({"doing": Doing, "compiled": Compiled, "failed": Failed})
to_line, from_line = _LANGUAGE.to_line, _LANGUAGE.from_line
