"""Numbers of one run, and how far they can be trusted. Pure: no clock, no files.

Conventions. The median is the usual one (mean of the two middle values where n is even). A percentile is the
nearest rank: the ceil(p·n)-th smallest latency, so it is always a latency that happened. A percentile that n
cannot support is None, never a guess (docs/measurement.md).
"""

import importlib
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

P90, P95, P99, P999 = 900, 950, 990, 999
"""Percentiles in thousandths: whole numbers, so that ranks are exact."""

MISTRUST = 0.01
"""1 - confidence of every statement about a percentile: 99 %, as in MLPerf's early stopping."""


@dataclass(frozen=True)
class Summary:
    """Latencies of one timed loop, nanoseconds.

    `pXX_ns` is the plain percentile, `pXX_bound_ns` the early-stopping bound: with 99 % confidence the true
    percentile is not above it. Both are None where n is too small. `std_ns` divides by n - 1 and is None for n = 1;
    `mad_ns` is the median absolute deviation from the median, not scaled.
    """

    n: int
    min_ns: int
    max_ns: int
    median_ns: float
    mean_ns: float
    std_ns: float | None
    mad_ns: float
    p90_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    p999_ns: int | None
    p90_bound_ns: int | None
    p95_bound_ns: int | None
    p99_bound_ns: int | None


def prepare() -> None:
    """Import now what `summarise` needs, so that the first result of a sweep does not wait for it."""
    importlib.import_module("numpy")


def summarise(latencies_ns: Sequence[int]) -> Summary:
    """Summarise at least one latency; ValueError when there is none."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    n = len(latencies_ns)
    if n == 0:
        raise ValueError("no latencies to summarise")
    # A third of the time that NumPy takes to look at each item of a list.
    ordered = np.sort(np.frombuffer(array("Q", latencies_ns), dtype=np.uint64))
    values = ordered.astype(np.float64)
    median_ns = middle(values)

    def plain(permille: int) -> int | None:
        return int(ordered[nearest_rank(n, permille) - 1]) if n >= least_n(permille) else None

    def bound(permille: int) -> int | None:
        discarded = early_stopping_discard(n, permille)
        return None if discarded is None else int(ordered[n - discarded - 1])

    return Summary(
        n=n,
        min_ns=int(ordered[0]),
        max_ns=int(ordered[-1]),
        median_ns=median_ns,
        mean_ns=float(values.mean()),
        std_ns=float(values.std(ddof=1)) if n > 1 else None,
        mad_ns=middle(np.sort(np.abs(values - median_ns))),
        p90_ns=plain(P90),
        p95_ns=plain(P95),
        p99_ns=plain(P99),
        p999_ns=plain(P999),
        p90_bound_ns=bound(P90),
        p95_bound_ns=bound(P95),
        p99_bound_ns=bound(P99),
    )


def middle(ordered: Any) -> float:
    """The median of at least one value that stand in order, in a fraction of the time that NumPy's own takes."""
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (float(ordered[half - 1]) + float(ordered[half])) / 2


def nearest_rank(n: int, permille: int) -> int:
    """Rank (from 1) of the percentile among n ordered values: ceil(p·n), in whole numbers."""
    return max(1, -(-permille * n // 1000))


@lru_cache(maxsize=4096)
def early_stopping_discard(n: int, permille: int) -> int | None:
    """How many of the largest of n latencies may be dropped so that the next one still bounds the percentile.

    d = max{h : P(Binomial(n, 1 - p) ≤ h) ≤ 0.01} - 1, the rule of MLPerf's early stopping
    (inference policies, "early stopping criterion"): the bound is the (n - d)-th smallest. None where even d = 0
    does not hold.
    """
    late = (1000 - permille) / 1000
    spread = math.sqrt(n * late * (1 - late))
    # Fourteen deviations below the mean the whole tail is far under 1e-20: start there, not at zero, where the
    # probabilities of a long run underflow.
    h = max(0, math.floor(n * late - 14 * spread) - 30)
    probability = math.exp(_log_binomial(n, h, late))
    below = 0.0
    while h <= n and below + probability <= MISTRUST:
        below += probability
        probability *= (n - h) / (h + 1) * late / (1 - late)
        h += 1
    # Now h is the first value for which the sum is too large, so the largest that holds is h - 1.
    discarded = h - 2
    return discarded if discarded >= 0 else None


@lru_cache(maxsize=16)
def least_n(permille: int) -> int:
    """The smallest n that supports the percentile at 99 % confidence with one late sample allowed.

    64 for p90, 130 for p95, 662 for p99, 6,636 for p99.9.
    """
    low, high = 1, 1
    while early_stopping_discard(high, permille) is None:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        if early_stopping_discard(middle, permille) is None:
            low = middle + 1
        else:
            high = middle
    return high


def _log_binomial(n: int, k: int, p: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)
