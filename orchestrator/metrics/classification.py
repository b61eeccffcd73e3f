"""Accuracy, macro-F1 and the table that both come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.metrics.proportions import CONFIDENCE, class_numbers, same_length, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2000
"""Chosen: the ends of a 95 % interval are then the 50th value from either side; more moves them by less than 2 %."""
SEED = 20_240_229
"""Any number would do, as long as the same predictions give the same interval."""


@dataclass(frozen=True)
class Estimate:
    """A figure of n examples with its 95 % interval. Shares, 0 … 1, not percent."""

    n: int
    value: float
    low: float
    high: float


def confusion(predicted: Sequence[int], wanted: Sequence[int], classes: int) -> tuple[tuple[int, ...], ...]:
    """How often each wanted class (row) was predicted as which (column). `ValueError` for what are no classes."""
    import numpy as np

    same_length("predictions and labels", predicted, wanted)
    rows, columns = class_numbers("labels", wanted, classes), class_numbers("predictions", predicted, classes)
    counts = np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(int(count) for count in row) for row in counts)


def accuracy(predicted: Sequence[int], wanted: Sequence[int], classes: int) -> Estimate:
    """The share of examples whose prediction is the label, with Wilson's interval."""
    table = confusion(predicted, wanted, classes)
    n, right = len(wanted), sum(table[one][one] for one in range(classes))
    return Estimate(n, right / n, *wilson(right, n))


def macro_f1(predicted: Sequence[int], wanted: Sequence[int], classes: int) -> Estimate:
    """The mean of the F1 of all classes, each as heavy as the others, with a bootstrap interval."""
    return macro_f1_of(confusion(predicted, wanted, classes))


def macro_f1_of(table: Sequence[Sequence[int]]) -> Estimate:
    """Macro-F1 from a confusion table (rows wanted, columns predicted).

    F1 of a class is 2·TP / (2·TP + FP + FN); the mean of these, not the F1 of mean precision and recall (J. Opitz and
    S. Burst, "Macro F1 and Macro F1", arXiv 1911.03347, on why that matters). Classes that are neither wanted nor
    predicted are left out, as scikit-learn's `f1_score(average="macro")` does.

    The interval is the percentile bootstrap over examples (B. Efron and R. J. Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13). The figure depends on the table alone, so the tables are drawn: resampling n examples
    is one draw from the multinomial distribution of its cells.
    """
    import numpy as np

    counts = np.asarray(table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ValueError("a confusion table is square and holds counts")
    n = int(counts.sum())
    if n == 0:
        raise ValueError("no predictions to judge: the confusion table is empty")
    draws = np.random.default_rng(SEED).multinomial(n, counts.ravel() / n, RESAMPLES)
    values = np.sort(_mean_f1(draws.reshape(RESAMPLES, *counts.shape)))
    outside = round((1 - CONFIDENCE) / 2 * RESAMPLES)
    return Estimate(n, float(_mean_f1(counts[None])[0]), float(values[outside - 1]), float(values[-outside]))


def _mean_f1(tables: "NDArray[np.int64]") -> "NDArray[np.float64]":
    import numpy as np

    right = np.diagonal(tables, axis1=1, axis2=2)
    involved = tables.sum(axis=1) + tables.sum(axis=2)  # TP + FP and TP + FN: 2·TP + FP + FN
    scores = np.where(involved > 0, 2 * right / np.maximum(involved, 1), 0.0)
    return np.asarray(scores.sum(axis=1) / np.count_nonzero(involved, axis=1))
