"""What the trainer tells while it works: one JSON object a line. Pure."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Begun:
    """Before the first step: `steps` in all epochs together, of which `done` were done before a stop."""

    examples: int
    steps: int
    done: int


@dataclass(frozen=True)
class Stepped:
    """A batch was learnt; `loss` is its mean cross-entropy."""

    done: int
    loss: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch is over: `right` of `n` dev examples."""

    epoch: int
    right: int
    n: int


@dataclass(frozen=True)
class Failed:
    """The last word of a trainer that gives up. `kind`: missing, disk_full, memory, busy or refused."""

    kind: str
    message: str
    hint: str


@dataclass(frozen=True)
class Finished:
    """The last word of a trainer whose folder is complete; `cpu_s` counts what was spent before a stop, too."""

    folder: str
    epochs: int
    cpu_s: float


Step = Begun | Stepped | EpochDone | Failed | Finished

_KINDS: dict[str, type[Step]] = {
    "begun": Begun,
    "stepped": Stepped,
    "epoch_done": EpochDone,
    "failed": Failed,
    "finished": Finished,
}
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
