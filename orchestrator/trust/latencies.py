"""What the latencies of one loop tell by themselves: a trend, two levels. Pure; latencies in order of measurement.

Measured false alarms and finds stand in docs/trust.md; `tests/unit/test_trust_latencies.py` repeats them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.stats import middle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

PARTS = 15
"""Chosen: a third is then five parts. If nothing changes, all five medians of the first third lie on one side of all
five of the last in 2 of 252 orders (0.8 %), whatever the shape of the latencies."""

LEAST_CHANGE = 0.05
"""Chosen: less than the 5 % that comparisons take for a difference, and that windows of the warm-up may differ."""

LEAST_TO_SPLIT = 64
"""Chosen: the loop of the shortest protocol. Fewer latencies show two levels in every second sample by chance."""

LEAST_SHARE = 0.1
"""Chosen: the smaller level must hold a tenth of the latencies. Less moves neither the median nor p90."""

LEAST_STEP = 0.1
"""Chosen: levels nearer than 10 % are steps of a clock or of a cache, and no two runs would be told apart by them."""

VALLEY = 0.5
"""Chosen: between two levels there must be a valley of half the lower one's height."""

SURE = 3.0
"""Standard deviations (counts, Poisson) by which the valley must lie below the lower level: 0.1 % by chance."""

QUANTA = 8
"""Chosen: levels must lie eight steps of the clock apart (two a window), or the gaps between its steps are valleys."""

TAIL = 0.01
"""The share of latencies at either end that is not looked at: a few that were interrupted are no level."""


@dataclass(frozen=True)
class Trend:
    """Medians of the first and the last third, ns, and what the last is to the first."""

    first_ns: float
    last_ns: float

    @property
    def change(self) -> float:
        """0.08 when the last third took 8 % longer."""
        return self.last_ns / self.first_ns - 1


@dataclass(frozen=True)
class Levels:
    """Two levels, ns, and the share of the latencies at the upper one."""

    low_ns: float
    high_ns: float
    high_share: float


def find_trend(latencies_ns: "Sequence[int] | Numbers") -> Trend | None:
    """First third against last third: None unless their medians differ by `LEAST_CHANGE` and every part of the one lies
    on the same side of every part of the other. A board that goes to and fro has no trend."""
    import numpy as np

    each = len(latencies_ns) // PARTS
    if each == 0:
        return None
    values = np.asarray(latencies_ns, dtype=np.float64)
    # What does not fill a part is left out in the middle, where the parts do not count.
    third, rest = PARTS // 3 * each, len(values) - PARTS // 3 * each
    first, last = values[:third], values[rest:]
    first_parts, last_parts = (_medians(np.sort(one.reshape(-1, each), axis=1)) for one in (first, last))
    if first_parts.max() >= last_parts.min() and last_parts.max() >= first_parts.min():
        return None
    found = Trend(middle(np.sort(first)), middle(np.sort(last)))
    if found.first_ns <= 0 or found.last_ns <= 0 or abs(math.log1p(found.change)) < math.log1p(LEAST_CHANGE):
        return None
    return found


def find_levels(latencies_ns: "Sequence[int] | Numbers") -> Levels | None:
    """Two levels with a valley between them; None for one level, however long its tail.

    The logarithms, without their tails, are split where the variance between the two groups is greatest (Otsu, 1979:
    "A threshold selection method from gray-level histograms"). Two levels it is when somewhere between the medians of
    the groups fewer than `VALLEY` of the latencies lie that lie around either median: a distribution of one peak has
    no valley, so what alarms is chance alone.
    """
    import numpy as np

    if len(latencies_ns) < LEAST_TO_SPLIT:
        return None
    ordered = np.sort(np.asarray(latencies_ns, dtype=np.float64))
    cut = int(TAIL * len(ordered))
    if ordered[cut] <= 0:
        return None
    logs = np.log(ordered[cut : len(ordered) - cut])
    # A group holds a tenth at least, so its median is a twentieth from its end at least. Steady runs end here.
    edge = (_least_group(len(logs)) - 1) // 2
    if logs[-1 - edge] - logs[edge] < math.log1p(LEAST_STEP):
        return None
    split = _split(logs)
    low, high = middle(logs[:split]), middle(logs[split:])
    steps = np.diff(ordered)
    step_ns = float(steps[steps > 0].min(initial=math.inf))
    if high - low < math.log1p(LEAST_STEP) or math.exp(high) - math.exp(low) < QUANTA * step_ns:
        return None
    if not _has_valley(logs, low, high):
        return None
    return Levels(math.exp(low), math.exp(high), 1 - split / len(logs))


def _medians(ordered: "Numbers") -> "Numbers":
    """The median of each row; the rows are in order."""
    half = ordered.shape[1] // 2
    return ordered[:, half] if ordered.shape[1] % 2 else (ordered[:, half - 1] + ordered[:, half]) / 2


def _least_group(n: int) -> int:
    return max(1, math.ceil(LEAST_SHARE * n))


def _split(logs: "Numbers") -> int:
    """How many of the ordered values are in the lower group; both hold at least `LEAST_SHARE`."""
    import numpy as np

    n = len(logs)
    margin = _least_group(n)
    below = np.arange(margin, n - margin + 1)
    sums = np.cumsum(logs)
    low = sums[below - 1]
    between = (low / below - (sums[-1] - low) / (n - below)) ** 2 * below * (n - below)
    return int(below[int(np.argmax(between))])


def _has_valley(logs: "Numbers", low: float, high: float) -> bool:
    """Windows of a quarter of the distance: one around each median, five in a row between them."""
    import numpy as np

    width = (high - low) / 4
    centres = np.concatenate(([low, high], np.linspace(low + width, high - width, 5)))
    counts = np.searchsorted(logs, centres + width / 2, "right") - np.searchsorted(logs, centres - width / 2, "left")
    peak, valley = int(min(counts[:2])), int(min(counts[2:]))
    return valley <= VALLEY * peak and peak - valley > SURE * math.sqrt(peak + valley)
