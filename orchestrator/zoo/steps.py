"""What the builder tells while it works: one JSON object a line. Pure."""

import json
from dataclasses import asdict, dataclass


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
class Failed:
    """The last word of a builder that gives up. `kind`: missing, disk_full, memory, busy or refused."""

    kind: str
    message: str
    hint: str


@dataclass(frozen=True)
class Finished:
    """The last word of a builder that made everything."""

    artifacts: int


Step = Making | Made | Failed | Finished

_KINDS: dict[str, type[Step]] = {"making": Making, "made": Made, "failed": Failed, "finished": Finished}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_line(step: Step) -> str:
    """One line, without its end."""
    return json.dumps({"step": _NAMES[type(step)], **asdict(step)})


def from_line(line: str) -> Step:
    """A line as `to_line` wrote it. `ValueError` for anything else."""
    plain = json.loads(line)
    kind = _KINDS.get(plain.pop("step", "")) if isinstance(plain, dict) else None
    if kind is None:
        raise ValueError(f"not a step: {line[:80]!r}")
    try:
        return kind(**plain)
    except TypeError as error:
        raise ValueError(f"not a step: {error}") from None
