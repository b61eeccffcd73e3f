"""An interval for a share of examples, and what every metric asks of its input."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The bounds of a share: Wilson's score interval, without correction for continuity.

    E. B. Wilson, JASA 22, 1927; recommended by L. D. Brown, T. T. Cai and A. DasGupta, Statistical Science 16, 2001.
    It never leaves 0 … 1, and holds at shares of 0 and 1, where the usual formula has no width.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is no share")
    z = normal_quantile(confidence)
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    # At the ends rounding would leave 1e-17 where the formula is exactly 0 or 1.
    low = 0.0 if successes == 0 else (centre - half) / whole
    high = 1.0 if successes == n else (centre + half) / whole
    return low, high


def normal_quantile(confidence: float) -> float:
    """How many standard deviations hold that share of a normal distribution."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def same_length(what: str, *sides: Sequence[Any]) -> int:
    """The number of examples of all sides; `ValueError` where they differ or there is none."""
    counts = [len(side) for side in sides]
    if len(set(counts)) > 1:
        raise ValueError(f"{what} of different numbers of examples: {' and '.join(map(str, counts))}")
    if counts[0] == 0:
        raise ValueError(f"no {what} to judge")
    return counts[0]


def class_numbers(what: str, values: Sequence[int], classes: int) -> "NDArray[np.int64]":
    """The classes of examples as an array; `ValueError` with the first that is no whole number below `classes`."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    if classes < 1:
        raise ValueError(f"there are no {classes} classes")
    found = np.asarray(values)
    if found.ndim != 1:
        raise ValueError(f"{what} must be one class an example, not an array of shape {found.shape}")
    if found.dtype.kind not in "iu":
        raise ValueError(f"{what} must be whole numbers, not {found.dtype}")
    wrong = np.flatnonzero((found < 0) | (found >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise ValueError(f"{what}: example {first} has class {found[first]}, and there are {classes}")
    return found.astype(np.int64)
