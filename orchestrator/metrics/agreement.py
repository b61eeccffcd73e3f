"""Whether two boards, or two runtimes, give the same answers: a delegate that is silently wrong shows here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.metrics.classification import Estimate
from orchestrator.metrics.proportions import same_length, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """The outputs of two sides for the same examples.

    `same` is the share with the same largest logit, with Wilson's interval. `largest` is the largest difference of a
    logit, in example `worst`; `share` is `largest` over the spread (maximum - minimum) of the first side's logits, and
    `within` says whether that is at most the `tolerance`. `unexplained` counts the examples whose answers differ though
    no rounding within the tolerance could turn one into the other.
    """

    same: Estimate
    largest: float
    worst: int
    share: float
    tolerance: float
    within: bool
    unexplained: int


def agreement(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], tolerance: float) -> Agreement:
    """Compare logits (examples × classes) of two sides; `tolerance` is a share of the spread, as for references.

    Where the first side's best logit leads that of the other answer by more than twice the tolerated difference, both
    moved as far as they may cannot have changed places. Of equal largest logits the first counts, on both sides.
    `ValueError`: shapes that differ, no examples, NaN or infinity, a tolerance that is no share.
    """
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    if not 0 <= tolerance < 1:
        raise ValueError(f"a tolerance is a share of the spread, 0 to 1, not {tolerance}")
    n = same_length("outputs", first, second)
    left, right = _logits("the first", first), _logits("the second", second)
    if left.shape != right.shape:
        raise ValueError(f"outputs of {left.shape[1]} and of {right.shape[1]} classes cannot be compared")
    differences = np.abs(left - right).max(axis=1)
    worst = int(differences.argmax())
    largest, spread = float(differences[worst]), float(left.max() - left.min())
    share = largest / spread if spread else (0.0 if largest == 0 else float("inf"))
    ours, theirs = left.argmax(axis=1), right.argmax(axis=1)
    same = int((ours == theirs).sum())
    rows = np.arange(n)
    leads = left[rows, ours] - left[rows, theirs]
    return Agreement(
        same=Estimate(n, same / n, *wilson(same, n)),
        largest=largest,
        worst=worst,
        share=share,
        tolerance=tolerance,
        within=share <= tolerance,
        unexplained=int((leads > 2 * tolerance * spread).sum()),
    )


def _logits(what: str, values: Sequence[Sequence[float]]) -> "NDArray[np.float64]":
    import numpy as np

    found: Any
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{what} side's outputs are no table of numbers") from None
    if found.ndim != 2 or found.shape[1] == 0:
        raise ValueError(f"{what} side's outputs have the shape {found.shape}, not examples × classes")
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if wrong.size:
        raise ValueError(f"{what} side's output for example {int(wrong[0])} holds NaN or infinity")
    return np.asarray(found)
