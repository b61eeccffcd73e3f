"""The Pareto front: what nothing else beats in everything. Pure."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from orchestrator.choosing.limits import ACCURACY, ENERGY, LARGER_IS_BETTER, MEMORY, P50
from orchestrator.comparing.intervals import CONFIDENCE
from orchestrator.study.figures import Figure

Figures = Mapping[str, Figure]
"""Of one candidate, by axis."""

MEASURED = frozenset({P50, ACCURACY, ENERGY})
"""What has an interval; bytes are counted."""

PAGES = 0.01
"""Chosen, a share: peaks of memory go up and down by some pages, whatever runs."""


def front_of(candidates: Sequence[Figures]) -> list[int]:
    """The places of those that no other dominates, in order."""
    return [
        place
        for place, one in enumerate(candidates)
        if not any(dominates(other, one) for other in candidates if other is not one)
    ]


def dominates(first: Figures, second: Figures) -> bool:
    """On no axis worse, and on one of them better by more than the noise. Both have the same axes."""
    for axis in second:
        if cost(axis, first[axis]) > cost(axis, second[axis]):
            return False
    return any(is_better(axis, first[axis], second[axis]) for axis in second)


def is_better(axis: str, first: Figure, second: Figure, confidence: float = CONFIDENCE) -> bool:
    """Whether the first is better, and the interval of the difference leaves 0 out. Bytes differ or not."""
    if not cost(axis, first) < cost(axis, second):
        return False
    if axis not in MEASURED:
        return axis != MEMORY or second.value > first.value * (1 + PAGES)
    sides = (second, first) if axis in LARGER_IS_BETTER else (first, second)
    return _is_below(*sides, logs=axis == P50, confidence=confidence)


def cost(axis: str, figure: Figure) -> float:
    """The smaller, the better."""
    return -figure.value if axis in LARGER_IS_BETTER else figure.value


def _is_below(low: Figure, high: Figure, *, logs: bool, confidence: float) -> bool:
    """By the interval of a difference of two figures that have intervals of their own, from the arms that face each
    other (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10; G. Y. Zou and A. Donner, Statistics in Medicine
    27, 2008). For another confidence the arms are stretched as those of a normal distribution are. Of shares of the
    same examples it takes too much to be a difference, never too little."""
    values = [low.value, low.high, high.value, high.low]
    if logs:
        if min(values) <= 0 or not math.isfinite(low.high):
            return False
        values = [math.log(value) for value in values]
    if not all(map(math.isfinite, values)):
        return False
    normal = NormalDist()
    stretch = normal.inv_cdf((1 + confidence) / 2) / normal.inv_cdf((1 + CONFIDENCE) / 2)
    upper_arm, lower_arm = values[1] - values[0], values[2] - values[3]
    return values[2] - values[0] > stretch * math.hypot(upper_arm, lower_arm)
