"""What a board shows although nothing differs: the floor below which no difference means anything. Pure."""

import math
from collections.abc import Sequence

from orchestrator.comparing.intervals import CONFIDENCE
from orchestrator.comparing.student import quantile


def noise_floor(medians: Sequence[float], runs: int = 5) -> float:
    """The share by which two sets of `runs` runs of one artifact differ at most in 95 % of cases, though nothing did.

    `medians` are those of runs of that artifact, at least two, any one unit. The difference of the mean logs of two
    sets has the standard error s·√(2/runs); that s comes from few runs itself is in Student's quantile (a prediction
    interval). A drift of the board during the runs counts as noise here. ValueError for what cannot be medians.
    """
    n = len(medians)
    if n < 2 or runs < 1:
        raise ValueError("a noise floor needs at least two runs, and at least one a side")
    if not all(0 < value < math.inf for value in medians):
        raise ValueError("medians of runs must be finite and above zero")
    logs = [math.log(value) for value in medians]
    mean = math.fsum(logs) / n
    deviation = math.sqrt(math.fsum((log - mean) ** 2 for log in logs) / (n - 1))
    return math.expm1(quantile((1 + CONFIDENCE) / 2, n - 1) * deviation * math.sqrt(2 / runs))
