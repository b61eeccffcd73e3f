"""What answers are worth, by kind of work: the orchestrator's half of a task (`agent/tasks/` has the board's)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.assignment import CLASSIFICATION, GENERATION, NEXT_TOKEN, OUTPUTS
from orchestrator.metrics import Estimate, Paired, Perplexity, accuracy, macro_f1, mcnemar, perplexity
from orchestrator.metrics.agreement import agreement
from orchestrator.metrics.proportions import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

TOLERANCE = 0.02
"""How far a logit may lie from another board's, as a share of the spread of all of them: chosen. Float rounding stays
below 1e-5; kernels for dynamic int8 round activations on their own, which moves a logit by about half a percent."""


@dataclass(frozen=True)
class Worth:
    """How good the answers are. Shares, not percent; what a kind does not have is None."""

    accuracy: Estimate | None = None
    macro_f1: Estimate | None = None
    perplexity: Perplexity | None = None


@dataclass(frozen=True)
class Same:
    """Two sides' answers to the same examples: `agrees` where each example has the same one, and no number lies
    further apart than `TOLERANCE`. `share` of examples with the same answer; `largest` difference over the spread."""

    agrees: bool
    share: float
    largest: float


class Kind(Protocol):
    """A kind of work. `answers` are arrays, examples first; `wanted` the right classes, None where nothing is right
    or wrong."""

    def choices(self, answers: "Array") -> "Array":
        """The answer to each example as one number, or a row of them, that is the same or not."""
        ...

    def worth(self, answers: "Array", wanted: Sequence[int] | None, classes: int) -> Worth:
        """`ValueError` for answers that make no sense."""
        ...

    def versus(self, answers: "Array", teacher: "Array", wanted: Sequence[int] | None, classes: int) -> Paired | None:
        """Against another model's answers to the same examples; None where nothing is right or wrong."""
        ...

    def same(self, first: "Array", second: "Array") -> Same:
        """Of one model on two boards, or two runtimes. `ValueError` where the shapes differ."""
        ...


class _Classification:
    def choices(self, answers: "Array") -> "Array":
        found: Any = answers.reshape(len(answers), -1)
        return found.argmax(axis=1)  # type: ignore[no-any-return]

    def worth(self, answers: "Array", wanted: Sequence[int] | None, classes: int) -> Worth:
        if wanted is None:
            return Worth()
        found = self.choices(answers).tolist()
        return Worth(accuracy(found, wanted, classes), macro_f1(found, wanted, classes))

    def versus(self, answers: "Array", teacher: "Array", wanted: Sequence[int] | None, classes: int) -> Paired | None:
        if wanted is None:
            return None
        return mcnemar(self.choices(answers).tolist(), self.choices(teacher).tolist(), wanted, classes)

    def same(self, first: "Array", second: "Array") -> Same:
        left, right = (_table(one) for one in (first, second))
        found = agreement(left, right, TOLERANCE)
        return Same(found.within and found.same.value == 1.0, found.same.value, found.share)


class _NextToken:
    """Rows of log-likelihood of the true token, and whether it was the likeliest."""

    def choices(self, answers: "Array") -> "Array":
        return answers[:, 1]

    def worth(self, answers: "Array", wanted: Sequence[int] | None, classes: int) -> Worth:  # noqa: ARG002 - Kind's
        n, right = len(answers), int((self.choices(answers) == 1).sum())
        foretold = Estimate(n, right / n, *wilson(right, n))
        return Worth(accuracy=foretold, perplexity=perplexity(_floats(answers[:, 0]), [1] * n))

    def versus(self, answers: "Array", teacher: "Array", wanted: Sequence[int] | None, classes: int) -> Paired | None:  # noqa: ARG002
        ours, theirs = (self.choices(one).astype(int).tolist() for one in (answers, teacher))
        return mcnemar(ours, theirs, [1] * len(ours), 2)

    def same(self, first: "Array", second: "Array") -> Same:
        share = float((self.choices(first) == self.choices(second)).mean())
        found = agreement(_table(first[:, :1]), _table(second[:, :1]), TOLERANCE)
        return Same(found.within and share == 1.0, share, found.share)


class _Generation:
    """Rows of tokens."""

    def choices(self, answers: "Array") -> "Array":
        return answers

    def worth(self, answers: "Array", wanted: Sequence[int] | None, classes: int) -> Worth:  # noqa: ARG002 - Kind's
        return Worth()

    def versus(self, answers: "Array", teacher: "Array", wanted: Sequence[int] | None, classes: int) -> Paired | None:  # noqa: ARG002
        return None

    def same(self, first: "Array", second: "Array") -> Same:
        if first.shape != second.shape:
            raise ValueError(f"tokens of the shapes {first.shape} and {second.shape}")
        share = float((first == second).all(axis=1).mean())
        return Same(share == 1.0, share, 0.0 if share == 1.0 else 1.0)


class _Outputs(_Generation):
    """Whatever the model gives: only the distance counts."""

    def same(self, first: "Array", second: "Array") -> Same:
        left, right = (_table(one) for one in (first, second))
        found = agreement(left, right, TOLERANCE)
        return Same(found.within, float((first == second).reshape(len(first), -1).all(axis=1).mean()), found.share)


KINDS: dict[str, Kind] = {
    CLASSIFICATION: _Classification(),
    NEXT_TOKEN: _NextToken(),
    GENERATION: _Generation(),
    OUTPUTS: _Outputs(),
}


def _table(answers: "Array") -> Any:
    return answers.reshape(len(answers), -1).astype("float64")


def _floats(values: "Array") -> list[float]:
    return [float(one) for one in values.tolist()]
