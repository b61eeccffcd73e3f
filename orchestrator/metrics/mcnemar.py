"""Two models on the same examples: is one of them more often right, and by how much?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.metrics.proportions import CONFIDENCE, class_numbers, same_length, wilson

_EXACT = 1000
"""Up to so many examples on which the two differ, the tail is counted in whole numbers."""


@dataclass(frozen=True)
class Paired:
    """A model against its parent on n examples.

    `both`, `neither`: examples on which both are right, or both wrong; `gained`: only the model is right, `lost`: only
    its parent is. `difference` is accuracy of the model minus accuracy of the parent (shares, not percent; negative: it
    lost), between `low` and `high` with 95 % confidence. `p_value` is that of "neither is better".
    """

    n: int
    both: int
    gained: int
    lost: int
    neither: int
    difference: float
    low: float
    high: float
    p_value: float


def mcnemar(predicted: Sequence[int], parent: Sequence[int], wanted: Sequence[int], classes: int) -> Paired:
    """Compare predictions with those of the parent. `ValueError` for what are no classes of the same examples."""
    same_length("predictions, predictions of the parent and labels", predicted, parent, wanted)
    labels = class_numbers("labels", wanted, classes)
    right = class_numbers("predictions", predicted, classes) == labels
    before = class_numbers("predictions of the parent", parent, classes) == labels
    return paired(
        both=int((right & before).sum()),
        gained=int((right & ~before).sum()),
        lost=int((before & ~right).sum()),
        neither=int((~right & ~before).sum()),
    )


def paired(both: int, gained: int, lost: int, neither: int) -> Paired:
    """The same from the four counts."""
    counts = (both, gained, lost, neither)
    n = sum(counts)
    if min(counts) < 0 or n == 0:
        raise ValueError(f"{counts} are no counts of examples")
    low, high = _difference_bounds(both, gained, lost, neither)
    return Paired(n, both, gained, lost, neither, (gained - lost) / n, low, high, exact_p(gained, lost))


def exact_p(gained: int, lost: int) -> float:
    """Two-sided: were neither better, each of the examples on which they differ would fall either way, as a coin does.

    Q. McNemar, Psychometrika 12, 1947, in its exact, binomial form (A. Agresti, Categorical Data Analysis, section
    11.1): twice the smaller tail, at most 1.
    """
    n, least = gained + lost, min(gained, lost)
    if 2 * least == n:
        return 1.0
    if n <= _EXACT:
        ways = term = 1
        for k in range(1, least + 1):
            term = term * (n - k + 1) // k
            ways += term
        return min(1.0, float(2 * ways / 2**n))
    # Beyond, from the largest term down, until the rest cannot be seen any more.
    log = math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1) - n * math.log(2)
    tail, ratio = 0.0, 1.0
    for k in range(least, -1, -1):
        tail += ratio
        ratio *= k / (n - k + 1)
        if ratio < 1e-18 * tail:
            break
    return min(1.0, 2 * math.exp(log + math.log(tail)))


def _difference_bounds(both: int, gained: int, lost: int, neither: int) -> tuple[float, float]:
    """R. G. Newcombe's method 10 for paired shares (Statistics in Medicine 17, 1998, 2635-2650).

    Wilson's intervals of the two accuracies, put together by their correlation; that is estimated with a correction
    for continuity where it is positive. Its bounds stay within -1 … 1, and it holds where few examples differ.
    """
    n = both + gained + lost + neither
    new, old = both + gained, both + lost
    share, parent = new / n, old / n
    (low, high), (parent_low, parent_high) = wilson(new, n, CONFIDENCE), wilson(old, n, CONFIDENCE)
    spread = new * (n - new) * old * (n - old)
    determinant = float(both * neither - gained * lost)
    if determinant > 0:
        determinant = max(determinant - n / 2, 0.0)
    correlation = determinant / math.sqrt(spread) if spread else 0.0
    difference = share - parent

    def reach(first: float, second: float) -> float:
        return math.sqrt(max(0.0, first * first - 2 * correlation * first * second + second * second))

    return difference - reach(share - low, parent_high - parent), difference + reach(high - share, parent - parent_low)
