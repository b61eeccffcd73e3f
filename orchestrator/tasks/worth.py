"""What can be said of answers, and what a kind of work must tell about its own. Pure types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.datasets import QuestionKey
from orchestrator.metrics import Estimate, Paired, Perplexity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

Wanted = Sequence[int] | QuestionKey
"""What is right: the classes of the examples, or the key to questions."""

TOLERANCE = 0.02
"""How far a logit may lie from another board's, as a share of the spread of all of them: chosen. Float rounding stays
below 1e-5; kernels for dynamic int8 round activations on their own, which moves a logit by about half a percent."""


@dataclass(frozen=True)
class Worth:
    """How good the answers are. Shares, not percent; what a kind does not have is None."""

    accuracy: Estimate | None = None
    macro_f1: Estimate | None = None
    perplexity: Perplexity | None = None
    exact_match: Estimate | None = None
    f1: Estimate | None = None
    questions: "Questions | None" = None


@dataclass(frozen=True)
class Questions:
    """Counts of questions: those whose right answers all stand behind what the model reads (`cut_off`), those without
    an answer (`unanswerable`), and those to which the model gave none (`declined`)."""

    cut_off: int
    unanswerable: int
    declined: int


@dataclass(frozen=True)
class Versus:
    """A model against its teacher: `right` on how many examples each, and the mean difference in `f1` of answers to
    questions, negative where the model lost."""

    right: Paired
    f1: Estimate | None = None


@dataclass(frozen=True)
class Same:
    """Two sides' answers to the same examples: `agrees` where each example has the same one, and no number lies
    further apart than `TOLERANCE`. `share` of examples with the same answer; `largest` difference over the spread."""

    agrees: bool
    share: float
    largest: float


@dataclass(frozen=True, eq=False)
class Side:
    """One model's answers, examples first, with what is right for it: tokens of another vocabulary stand elsewhere in
    the same passage. `wanted` is None where nothing is right or wrong; `digest` names the answers."""

    answers: "Array"
    wanted: Wanted | None = None
    digest: str = ""


class Kind(Protocol):
    """A kind of work."""

    def worth(self, side: Side, classes: int) -> Worth:
        """`ValueError` for answers that make no sense."""
        ...

    def versus(self, mine: Side, teacher: Side, classes: int) -> Versus | None:
        """Against another model's answers to the same examples; None where nothing is right or wrong."""
        ...

    def same(self, first: Side, second: Side) -> Same:
        """Of one model on two boards, or two runtimes. `ValueError` where the shapes differ."""
        ...
