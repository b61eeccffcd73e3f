"""Where a board had moved: stretches of a series, in order of time, whose level is not the usual one. Pure.

The series is cut into stretches of constant level so that the squares left over, plus a penalty for every stretch, are
least: optimal partitioning (B. Jackson et al., IEEE Signal Processing Letters 12, 2005), an exact search. Values are
counted in robust standard deviations and clipped, so that one value far out cannot buy a stretch of its own in a long
series, as it would with plain squares (P. Fearnhead and G. Rigaill, JASA 114, 2019, bound the loss for that reason).
What it finds in published data, and what it cannot find in five values: docs/benchmarks-of-judgement.md.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

LEAST_SHIFT = 0.02
"""Chosen: a level less than 2 % off is no reason to mistrust a run. Quiet boards wander by some tenths of that."""
LEAST_DEVIATION = 0.004
"""Chosen: no board repeats itself better than this from run to run (0.7 % on a quiet Raspberry Pi, published), so a
smaller spread of a few values is luck."""
FEW_VALUES = 3.0
"""Chosen: the spread of n values is taken (1 + this/n) times as large, since that of few is often too small by luck."""
PENALTY, PENALTY_OF_LENGTH = 8.0, 4.0
"""Chosen by simulation: false marks in about 5 % of series of 5 to 20 heavy-tailed values
(docs/benchmarks-of-judgement.md). BIC is 2·log n for a stretch (its place and its level); heavy tails and an estimated
spread ask for more."""
FARTHEST = 8.0
"""Chosen: where values are clipped, in standard deviations. Among a thousand and more, one alone is no stretch."""
CLEARLY = 3.0
"""A level is off when it is so many of its own standard errors off."""
FEWEST = 3
"""Of two values that differ, nobody knows which is the usual one."""
MAD_TO_DEVIATION = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation over this."""


def mark_drift(values: Sequence[float]) -> list[bool]:
    """Which values lie in a stretch where the board had moved.

    `values`: logs of latency over what is expected of each (0.1: about 10 % slower), in order of time, finite. The
    usual level is that at which most values lie; of two that are as common, the faster one, because what disturbs a
    board makes it slower. Fewer than three values are never marked.
    """
    if not all(math.isfinite(value) for value in values):
        raise ValueError("values must be finite")
    n = len(values)
    if n < FEWEST:
        return [False] * n
    deviation = _deviation(values)
    stretches = _stretches(values, deviation)
    levels = [median(values[begin:end]) for begin, end in stretches]
    usual = _usual(stretches, levels)
    marks = []
    for (begin, end), level in zip(stretches, levels, strict=True):
        length = end - begin
        off = abs(level - usual) > max(LEAST_SHIFT, CLEARLY * deviation / math.sqrt(length))
        marks += [off] * length
    return marks


def _deviation(values: Sequence[float]) -> float:
    """From the differences of neighbours, which a step leaves alone, or the values, which a short jump leaves alone."""
    steps = median(abs(after - before) for before, after in pairwise(values)) / math.sqrt(2)
    middle = median(values)
    around = median(abs(value - middle) for value in values)
    estimate = MAD_TO_DEVIATION * min(steps, around) * (1 + FEW_VALUES / len(values))
    return max(estimate, LEAST_DEVIATION)


def _usual(stretches: Sequence[tuple[int, int]], levels: Sequence[float]) -> float:
    def company(level: float) -> int:
        near = (abs(other - level) <= LEAST_SHIFT for other in levels)
        return sum(end - begin for (begin, end), is_near in zip(stretches, near, strict=True) if is_near)

    return min(levels, key=lambda level: (-company(level), level))


def _stretches(values: Sequence[float], deviation: float) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of every stretch, in order."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    n = len(values)
    penalty = PENALTY + PENALTY_OF_LENGTH * math.log(n)
    scaled = np.clip((np.asarray(values, dtype=float) - median(values)) / deviation, -FARTHEST, FARTHEST)
    sums = np.concatenate([[0.0], np.cumsum(scaled)])
    squares = np.concatenate([[0.0], np.cumsum(scaled**2)])
    least = np.zeros(n + 1)  # the least cost of the first so many values
    begins = [0] * (n + 1)
    for end in range(1, n + 1):
        lengths = np.arange(end, 0, -1)
        left_over = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / lengths
        costs = least[:end] + left_over + penalty
        begins[end] = int(np.argmin(costs))
        least[end] = costs[begins[end]]
    found = []
    end = n
    while end > 0:
        found.append((begins[end], end))
        end = begins[end]
    return found[::-1]
