"""What the builder tells while it works. Pure."""

from dataclasses import dataclass

from orchestrator.apart.steps import Failed, Language


@dataclass(frozen=True)
class Making:
    """An artifact is begun: the `number`th `of` so many; `doing` says how."""

    name: str
    number: int
    of: int
    doing: str


@dataclass(frozen=True)
class Made:
    """An artifact lies in its place. `fresh` is false where it did before."""

    name: str
    size_bytes: int
    seconds: float
    peak_rss_bytes: int
    fresh: bool


@dataclass(frozen=True)
class Finished:
    """The last word of a builder that made everything."""

    artifacts: int


Step = Making | Made | Failed | Finished

_LANGUAGE = Language[Step]({"making": Making, "made": Made, "failed": Failed, "finished": Finished})
to_line, from_line = _LANGUAGE.to_line, _LANGUAGE.from_line
