"""Measuring two or more things in turn, so that the machine's drift falls on all alike, and saying what came of it."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

Figure = TypeVar("Figure")


class Median(NamedTuple):
    """A median and the interval that holds the true one with at least 95 % confidence."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.n}"


def median_of(values: Sequence[float], confidence: float = 0.95) -> Median:
    """The interval is that of order statistics: it asks for no shape of the distribution.

    Of n values the k-th smallest and the k-th largest enclose the median with a probability of at least
    1 - 2 P(Binomial(n, 1/2) < k); below six values no pair reaches 95 %, and the range is given.
    """
    ordered, n = sorted(values), len(values)
    below, k = 0.0, 0
    while k < n // 2:
        below += math.comb(n, k) / 2**n
        if 2 * below > 1 - confidence:
            break
        k += 1
    at = max(0, k - 1)
    return Median(statistics.median(ordered), ordered[at], ordered[n - 1 - at], n)


def ratio_of(these: Sequence[float], those: Sequence[float]) -> Median:
    """The median of the ratios of pairs that were measured one right after the other."""
    return median_of([one / other for one, other in zip(these, those, strict=True)])


def interleave(subjects: Mapping[str, Callable[[], Figure]], rounds: int, warmup: int = 1) -> dict[str, list[Figure]]:
    """Call each subject once a round, in an order that alternates; return their figures, warm-up left out."""
    figures: dict[str, list[Figure]] = {name: [] for name in subjects}
    for turn in range(rounds + warmup):
        names = list(subjects) if turn % 2 == 0 else list(reversed(subjects))
        for name in names:
            figure = subjects[name]()
            if turn >= warmup:
                figures[name].append(figure)
    return figures


def print_figures(figures: Mapping[str, list[float]], baseline: str, unit_s: float = 1e-3, unit: str = "ms") -> None:
    """A line a subject: median and its interval, the median of its paired ratios to the baseline, n."""
    print(f"{'':36} {'median':>9} {'95 % interval':>19} {'ratio':>7} {'n':>4}   ({unit})")
    for name, seconds in figures.items():
        middle = median_of([one / unit_s for one in seconds])
        interval = f"{middle.low:.1f} … {middle.high:.1f}"
        ratio = ratio_of(seconds, figures[baseline]).value
        print(f"{name:36} {middle.value:>9.1f} {interval:>19} {ratio:>7.2f} {middle.n:>4}")
