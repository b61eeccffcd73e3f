"""The interval where single runs lie far out: a bootstrap of the studentised trimmed mean. Pure, and seeded.

R. R. Wilcox, Introduction to Robust Estimation and Hypothesis Testing ("percentile-t", symmetric); the standard error
of a trimmed mean is K. K. Yuen's, Biometrika 61, 1974.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 4999
"""Chosen: with one more, 5 % of them is a whole number; the least p value is 1/5000; a comparison takes some 10 ms."""
FEWEST_RUNS = 10
"""Chosen: of ten runs a trimmed mean leaves away two on either end; of fewer, too few remain to resample."""
ONE_IN = 5
"""A fifth is left away on either end, as Wilcox recommends."""
OUTLYING = 5.0
"""Chosen: so many scaled median absolute deviations from the median make a run an outlier (normal: 1 in 2 million)."""
MAD_TO_DEVIATION = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation over this."""
SEED = 20_240_229
"""Any number would do, as long as the same runs give the same interval."""


@dataclass(frozen=True)
class Trimmed:
    """The sum of the parts' trimmed means, and half the width of its interval. `variances` are errors² times n."""

    middle: float
    half: float
    p_value: float
    variances: tuple[float, ...]


def has_outlying_runs(parts: Sequence[Sequence[float]]) -> bool:
    """Whether a part has runs far out, and no part more of them than trimming takes: more would be a second mode."""
    found = False
    for part in parts:
        if len(part) < FEWEST_RUNS:
            return False
        middle = statistics.median(part)
        distances = [abs(value - middle) for value in part]
        fence = OUTLYING * MAD_TO_DEVIATION * statistics.median(distances)
        outlying = sum(distance > fence for distance in distances)
        if outlying > len(part) // ONE_IN:
            return False
        found = found or outlying > 0
    return found


def trimmed(parts: Sequence[Sequence[float]], confidence: float) -> Trimmed | None:
    """The interval of the sum of the parts' trimmed means; None where what is left of them has no spread."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    # Neither the order of the runs nor which side comes first may change what is drawn: order the runs by their
    # distance from the mean, and draw for the calmer part first.
    distances_of = [_distances(part) for part in parts]
    ordered = [
        [value for _, value in sorted(zip(found, part, strict=True), key=lambda pair: pair[0])]
        for found, part in zip(distances_of, parts, strict=True)
    ]
    located = [_trimmed_means(np.asarray([part])) for part in ordered]
    middle = math.fsum(float(mean[0]) for mean, _ in located)
    variances = tuple(float(square[0]) * len(part) for (_, square), part in zip(located, parts, strict=True))
    error = math.sqrt(math.fsum(float(square[0]) for _, square in located))
    if error == 0:
        return None
    random = np.random.default_rng(SEED)
    shifts, squares = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for index in sorted(range(len(parts)), key=lambda one: (_rounded(variances[one]), sorted(distances_of[one]))):
        values = np.asarray(ordered[index])
        mean, square = _trimmed_means(values[random.integers(0, len(values), (RESAMPLES, len(values)))])
        shifts += mean - located[index][0]
        squares += square
    # A resample of equal values has no error of its own: a tiny one makes its t huge, as it should be.
    distances = np.abs(shifts) / np.sqrt(np.maximum(squares, (1e-9 * error) ** 2))
    critical = float(np.sort(distances)[math.ceil(confidence * (RESAMPLES + 1)) - 1])
    as_far = int(np.count_nonzero(distances >= abs(middle) / error))
    return Trimmed(middle, critical * error, (as_far + 1) / (RESAMPLES + 1), variances)


def _distances(part: Sequence[float]) -> list[float]:
    mean = math.fsum(part) / len(part)
    return [_rounded(abs(value - mean)) for value in part]


def _rounded(value: float) -> float:
    """What rounding errors may not put into another order, or the unit of the values would choose the draws."""
    return float(f"{value:.9g}")


def _trimmed_means(rows: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """The trimmed mean of each row, and the square of its standard error."""
    import numpy as np

    n = rows.shape[1]
    cut = n // ONE_IN
    ordered = np.sort(rows, axis=1)
    winsorised = np.clip(ordered, ordered[:, [cut]], ordered[:, [n - cut - 1]])
    kept = n - 2 * cut
    return ordered[:, cut : n - cut].mean(axis=1), winsorised.var(axis=1, ddof=1) * (n - 1) / (kept * (kept - 1))
