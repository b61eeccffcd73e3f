"""What the trainer tells while it works. Pure."""

from dataclasses import dataclass

from orchestrator.apart.steps import Failed, Language


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
class Finished:
    """The last word of a trainer whose folder is complete; `cpu_s` counts what was spent before a stop, too."""

    folder: str
    epochs: int
    cpu_s: float


Step = Begun | Stepped | EpochDone | Failed | Finished

_LANGUAGE = Language[Step](
    {"begun": Begun, "stepped": Stepped, "epoch_done": EpochDone, "failed": Failed, "finished": Finished}
)
to_line, from_line = _LANGUAGE.to_line, _LANGUAGE.from_line
