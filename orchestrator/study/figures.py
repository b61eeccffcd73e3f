"""A figure of a case with its 95 % interval, from one value a run. Pure.

The unit of evidence is the run (docs/measurement.md), and what separates two runs is a factor: figures are geometric
means, and the interval is that of the mean of the logs between runs. One run has no interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.comparing.answers import ASSURANCE, ENOUGH_RUNS, MOST_RUNS
from orchestrator.comparing.intervals import CONFIDENCE, Interval, degrees_of_freedom, interval, standard_error
from orchestrator.comparing.student import quantile


@dataclass(frozen=True)
class Figure:
    """`value` of `n` runs, between `low` and `high` with 95 % confidence: 0 and infinity where there is one run.

    `logs` is the interval of the logs that they come from, None where a figure is exact or comes from elsewhere.
    """

    value: float
    low: float
    high: float
    n: int
    logs: Interval | None = field(default=None, compare=False, repr=False)

    @property
    def is_bounded(self) -> bool:
        return self.low > 0 and math.isfinite(self.high)

    def inverse(self) -> "Figure":
        """One over it; a ratio the other way round."""
        return Figure(_over(self.value), _over(self.high), _over(self.low), self.n, self.logs)


def exactly(value: float) -> Figure:
    """What is counted, not measured: bytes, parameters."""
    return Figure(value, value, value, 1)


def between_runs(values: Sequence[float]) -> Figure | None:
    """The figure of one value a run; None where there is none, or one is not a number above zero."""
    if not values or not all(0 < value < math.inf for value in values):
        return None
    found = interval([[math.log(value) for value in values]])
    if len(values) > 1 and min(values) == max(values):
        return Figure(values[0], values[0], values[0], len(values), found)  # no rounding of logs where nothing spreads
    return Figure(_exp(found.middle), _exp(found.low), _exp(found.high), len(values), found)


def of_every_run(values: Sequence[float | None]) -> Figure | None:
    """As `between_runs`; None where any run lacks the value: a p99 of some runs is not that of the case."""
    present = [float(value) for value in values if value is not None]
    return between_runs(present) if len(present) == len(values) else None


def more_runs(figure: Figure, bound: float) -> int | None:
    """The least number of further runs that decides in four of five cases on which side of `bound` (above zero) the
    figure is, if middle and spread are as they look; None where a thousand would not, or nothing is known of them."""
    logs = figure.logs
    if logs is None or not 0 < bound < math.inf:
        return None
    if logs.variances is None:
        return max(1, ENOUGH_RUNS - min(logs.counts))
    variances, distance = logs.variances, abs(math.log(figure.value) - math.log(bound))

    def settles(more: int) -> bool:
        counts = [n + more for n in logs.counts]
        error = standard_error(variances, counts)
        if error == 0:
            return True
        df = degrees_of_freedom(variances, counts)
        return (quantile((1 + CONFIDENCE) / 2, df) + quantile(ASSURANCE, df)) * error <= distance

    if not settles(MOST_RUNS):
        return None
    low, high = 1, MOST_RUNS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle + 1, high)
    return low


def _exp(log: float) -> float:
    return math.exp(log) if log < 700 else math.inf


def _over(value: float) -> float:
    if value == 0:
        return math.inf
    return 1 / value if math.isfinite(value) else 0.0
