"""What answers are worth, by kind of work: the orchestrator's half of a task (`agent/tasks/` has the board's)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.assignment import CLASSIFICATION, GENERATION, NEXT_TOKEN, OUTPUTS, QUESTION_ANSWERING
from orchestrator.datasets import QuestionKey
from orchestrator.metrics import Estimate, accuracy, macro_f1, mcnemar, perplexity
from orchestrator.metrics.agreement import agreement
from orchestrator.metrics.proportions import wilson
from orchestrator.tasks.asking import QuestionAnswering
from orchestrator.tasks.worth import TOLERANCE, Kind, Same, Side, Versus, Worth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


class _Classification:
    def worth(self, side: Side, classes: int) -> Worth:
        wanted = _labels(side)
        if wanted is None:
            return Worth()
        found = _classes(side).tolist()
        return Worth(accuracy(found, wanted, classes), macro_f1(found, wanted, classes))

    def versus(self, mine: Side, teacher: Side, classes: int) -> Versus | None:
        wanted = _labels(mine)
        if wanted is None:
            return None
        return Versus(mcnemar(_classes(mine).tolist(), _classes(teacher).tolist(), wanted, classes))

    def same(self, first: Side, second: Side) -> Same:
        found = agreement(_table(first.answers), _table(second.answers), TOLERANCE)
        return Same(found.within and found.same.value == 1.0, found.same.value, found.share)


class _NextToken:
    """Rows of log-likelihood of the true token, and whether it was the likeliest."""

    def worth(self, side: Side, classes: int) -> Worth:  # noqa: ARG002 - Kind's
        n, right = len(side.answers), int((side.answers[:, 1] == 1).sum())
        foretold = Estimate(n, right / n, *wilson(right, n))
        return Worth(accuracy=foretold, perplexity=perplexity(_floats(side.answers[:, 0]), [1] * n))

    def versus(self, mine: Side, teacher: Side, classes: int) -> Versus | None:  # noqa: ARG002 - Kind's
        ours, theirs = (side.answers[:, 1].astype(int).tolist() for side in (mine, teacher))
        return Versus(mcnemar(ours, theirs, [1] * len(ours), 2))

    def same(self, first: Side, second: Side) -> Same:
        left, right = first.answers, second.answers
        share = float((left[:, 1] == right[:, 1]).mean())
        found = agreement(_table(left[:, :1]), _table(right[:, :1]), TOLERANCE)
        return Same(found.within and share == 1.0, share, found.share)


class _Generation:
    """Rows of tokens."""

    def worth(self, side: Side, classes: int) -> Worth:  # noqa: ARG002 - Kind's
        return Worth()

    def versus(self, mine: Side, teacher: Side, classes: int) -> Versus | None:  # noqa: ARG002 - Kind's
        return None

    def same(self, first: Side, second: Side) -> Same:
        left, right = first.answers, second.answers
        if left.shape != right.shape:
            raise ValueError(f"tokens of the shapes {left.shape} and {right.shape}")
        share = float((left == right).all(axis=1).mean())
        return Same(share == 1.0, share, 0.0 if share == 1.0 else 1.0)


class _Outputs(_Generation):
    """Whatever the model gives: only the distance counts."""

    def same(self, first: Side, second: Side) -> Same:
        left, right = first.answers, second.answers
        found = agreement(_table(left), _table(right), TOLERANCE)
        return Same(found.within, float((left == right).reshape(len(left), -1).all(axis=1).mean()), found.share)


KINDS: dict[str, Kind] = {
    CLASSIFICATION: _Classification(),
    QUESTION_ANSWERING: QuestionAnswering(),
    NEXT_TOKEN: _NextToken(),
    GENERATION: _Generation(),
    OUTPUTS: _Outputs(),
}


def _labels(side: Side) -> Sequence[int] | None:
    return None if isinstance(side.wanted, QuestionKey) else side.wanted


def _classes(side: Side) -> "NDArray[np.intp]":
    found: Any = side.answers.reshape(len(side.answers), -1)
    return found.argmax(axis=1)  # type: ignore[no-any-return]


def _table(answers: "Array") -> Any:
    return answers.reshape(len(answers), -1).astype("float64")


def _floats(values: "Array") -> list[float]:
    return [float(one) for one in values.tolist()]
