"""The interval of a sum of locations: Student's where it may be, a bootstrap where the shape forbids that. Pure.

A comparison of two sides is the sum of two parts, the logs of the second and the negated logs of the first; a paired
comparison has one part, the differences of the pairs. So one formula serves both, and swapping the sides only
changes the sign.

Welch's interval (B. L. Welch, Biometrika 34, 1947, with Satterthwaite's degrees of freedom; for one part it is
Student's) holds what it promises for few runs and mild shapes, two modes included, but a single run that lies far out
makes it uselessly wide. From ten runs a part on, such runs can be left away honestly. What each covers and how wide
it is: docs/benchmarks-of-judgement.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.comparing.bootstrap import has_outlying_runs, trimmed
from orchestrator.comparing.student import quantile, two_sided_p

CONFIDENCE = 0.95
ROUNDING = 1e-12
"""Differences of logs below this are rounding errors: of runs that are all equal, nothing else is left."""


@dataclass(frozen=True)
class Interval:
    """What the parts sum to, and between which bounds the truth lies with 95 % confidence, or what was asked for.

    `variances` and `counts` are those of the parts: the standard error is the root of the sum of variance over count.
    Without a variance (a part of one value) the bounds are infinite and `variances` is None. `p_value` is the
    probability of a sum at least as far from zero where the truth is zero.
    """

    middle: float
    low: float
    high: float
    p_value: float
    counts: tuple[int, ...]
    variances: tuple[float, ...] | None
    bootstrapped: bool = False


def interval(parts: Sequence[Sequence[float]], confidence: float = CONFIDENCE) -> Interval:
    """The interval of the sum of the parts' locations. Every part has at least one value."""
    counts = tuple(len(part) for part in parts)
    robust = trimmed(parts, confidence) if has_outlying_runs(parts) else None
    if robust is not None:
        low, high = robust.middle - robust.half, robust.middle + robust.half
        return Interval(robust.middle, low, high, robust.p_value, counts, robust.variances, bootstrapped=True)
    middle = math.fsum(math.fsum(part) / len(part) for part in parts)
    if min(counts) < 2:
        return Interval(middle, -math.inf, math.inf, 1.0, counts, None)
    variances = tuple(_variance(part) for part in parts)
    error = standard_error(variances, counts)
    if error < ROUNDING:
        middle = 0.0 if abs(middle) < ROUNDING else middle
        return Interval(middle, middle, middle, 1.0 if middle == 0 else 0.0, counts, variances)
    df = degrees_of_freedom(variances, counts)
    half = quantile((1 + confidence) / 2, df) * error
    return Interval(middle, middle - half, middle + half, two_sided_p(middle / error, df), counts, variances)


def standard_error(variances: Sequence[float], counts: Sequence[int]) -> float:
    return math.sqrt(math.fsum(variance / n for variance, n in zip(variances, counts, strict=True)))


def degrees_of_freedom(variances: Sequence[float], counts: Sequence[int]) -> float:
    """Satterthwaite's: between the least and the sum of the parts' own. Not all variances may be zero."""
    largest = max(variances)  # in shares of it, or the squares of tiny variances vanish
    shares = [variance / largest / n for variance, n in zip(variances, counts, strict=True)]
    return math.fsum(shares) ** 2 / math.fsum(share**2 / (n - 1) for share, n in zip(shares, counts, strict=True))


def _variance(part: Sequence[float]) -> float:
    mean = math.fsum(part) / len(part)
    return math.fsum((value - mean) ** 2 for value in part) / (len(part) - 1)
