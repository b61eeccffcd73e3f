"""A control chart of one board: has the newest value left what is usual for it, how far, and since when? Pure.

The values are logarithms of latencies, in order of time, one a visit. A visit is the median of several runs, so what
moves from visit to visit (another boot, another day) lies inside the limits, as it must: limits made from the spread
within a visit would alarm at every reboot (NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2).

Two charts at once: an individuals chart (Shewhart) sees a large step at once, an exponentially weighted moving average
(Roberts, Technometrics 1959) sees a small one that stays. Combining them, with wider limits on the first, is due to
Lucas and Saccucci, Technometrics 32 (1990). The limits are robust: the median, and the Qn estimator of scale
(Rousseeuw and Croux, Journal of the American Statistical Association 88, 1993), which half of the values may spoil
without carrying it away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist, fmean, median

from orchestrator.comparing.student import quantile

LEARNING = 8
"""Visits before the chart says anything. Chosen: below that the limits would have to be so wide that they say nothing
(docs/how-to-keep-a-farm-healthy.md has the rates that were measured)."""

BASELINE = 25
"""Visits that the limits are made from, at most: 20 to 25 are the custom of the first phase of a chart (NIST
e-Handbook, 6.3.2). Then they stand still: limits that follow the board would follow a slow decay as well."""

WEIGHT = 0.25
EWMA_LIMIT = 3.0
"""In standard deviations: this pair gives one false alarm in 500 independent visits (Lucas and Saccucci 1990)."""

SHEWHART_LIMIT = 4.0

RELATED = 0.3
"""Visits of one boot, or of one day, are alike. The moving average's limits allow for so much correlation of one visit
with the next; chosen, for a history too short to estimate it."""

SMALLEST_SHIFT = 0.03
"""A board that moved by less is left in rotation: chosen below the 5 % that a comparison asks for by default."""

_QN_SMALL = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}
_EFFICIENCY = 0.82
"""Of Qn at the normal distribution (Rousseeuw and Croux 1993): so many degrees of freedom of the usual estimator."""


@dataclass(frozen=True)
class Reading:
    """What the chart says of the newest value. `shift`, `scale` and `limit` are on the logarithmic scale.

    `visits` is how many values the limits come from, and `centre` and `scale` are None while there are too few.
    `shift` is the newest value minus the centre. `out` says that the board has moved; then `moved` is by how much,
    the mean at its present level, and `onset` the index of the value at which it left its limits.
    """

    visits: int
    centre: float | None = None
    scale: float | None = None
    limit: float | None = None
    shift: float | None = None
    out: bool = False
    moved: float | None = None
    onset: int | None = None

    @property
    def learning(self) -> bool:
        return self.centre is None


def follow(values: Sequence[float], restarts: Sequence[int] = (), smallest_shift: float = SMALLEST_SHIFT) -> Reading:
    """Replay the chart over all values and say how the newest stands.

    A value outside the limits is not taken into them. `restarts` are indices at which somebody vouched for the board
    (a release from quarantine): nothing before them counts as a sign that it has moved now, but the limits stay.
    """
    if not values:
        return Reading(0)
    baseline: list[float] = []
    limits: tuple[float, float, float] | None = None
    average, since, start = 0.0, 0, 0
    reading = Reading(0)
    for index, value in enumerate(values):
        if index in restarts:
            average, since, start = 0.0, 0, index
        if len(baseline) < LEARNING:
            reading = Reading(len(baseline) + 1)
            baseline.append(value)
            continue
        if limits is None:
            limits = _limits(baseline)
        centre, scale, widening = limits
        shift = value - centre
        since += 1
        average = WEIGHT * shift + (1 - WEIGHT) * average
        limit = SHEWHART_LIMIT * scale * widening
        beyond = abs(shift) > limit or abs(average) > EWMA_LIMIT * scale * widening * _spread_of_average(since)
        reading = Reading(len(baseline), centre, scale, limit, shift)
        if not beyond and len(baseline) < BASELINE:
            baseline.append(value)
            limits = None
        if beyond:
            reading = _judged(reading, values[start : index + 1], start, smallest_shift)
    return reading


def _judged(reading: Reading, values: Sequence[float], start: int, smallest_shift: float) -> Reading:
    """A chart that is beyond its limits tells of a board that has moved only if it still stands where it moved to."""
    centre, shift, limit = reading.centre or 0.0, reading.shift or 0.0, reading.limit or 0.0
    onset = change_point(values, centre)
    moved = fmean(values[onset:]) - centre
    stands = moved * shift > 0 and abs(shift) >= smallest_shift / 2
    if not stands or abs(moved) < math.log1p(smallest_shift):
        return reading
    # A board that moved in two steps left its limits at the first.
    while onset > 0 and (values[onset - 1] - centre) * math.copysign(1.0, moved) > limit:
        onset -= 1
    return replace(reading, out=True, moved=moved, onset=start + onset)


def change_point(values: Sequence[float], centre: float) -> int:
    """The index at which the level most likely stepped away from `centre` for good.

    The maximum-likelihood estimator of a step after a control chart's signal: Samuel, Pignatiello and Calvin, Quality
    Engineering 10 (1998).
    """
    best, at, total = -1.0, len(values) - 1, 0.0
    for index in range(len(values) - 1, -1, -1):
        total += values[index] - centre
        likelihood = total * total / (len(values) - index)
        if likelihood > best:
            best, at = likelihood, index
    return at


def robust_scale(values: Sequence[float]) -> float:
    """Qn: an estimate of the standard deviation from the lower quarter of all distances between two values."""
    n = len(values)
    half = n // 2 + 1
    distances = sorted(abs(first - second) for first, second in combinations(values, 2))
    raw = distances[half * (half - 1) // 2 - 1]
    correction = _QN_SMALL.get(n) or (n / (n + 1.4) if n % 2 else n / (n + 3.8))
    return 2.2219 * correction * raw


def _limits(baseline: Sequence[float]) -> tuple[float, float, float]:
    """Centre, scale, and how much wider limits from so few values must be than limits that are known."""
    n = len(baseline)
    freedom = _EFFICIENCY * (n - 1)
    # The median of n values itself varies, with pi / 2 of the variance of their mean.
    return median(baseline), robust_scale(baseline), _student_over_normal(freedom) * math.sqrt(1 + math.pi / 2 / n)


def _spread_of_average(visits: int) -> float:
    """Standard deviation of the moving average after so many visits, in those of one visit.

    The factor for related visits is that of a first-order autoregression.
    """
    keep = 1 - WEIGHT
    related = (1 + RELATED * keep) / (1 - RELATED * keep)
    return math.sqrt(WEIGHT / (2 - WEIGHT) * (1 - keep ** (2 * visits)) * related)


def _student_over_normal(freedom: float) -> float:
    """How much further out Student's t lies than the normal distribution, at three standard deviations."""
    return quantile(NormalDist().cdf(3.0), freedom) / 3.0


def percent(log_shift: float) -> float:
    """A shift on the logarithmic scale in percent of the latency: 0.113 is 12 % slower."""
    return math.expm1(log_shift) * 100
