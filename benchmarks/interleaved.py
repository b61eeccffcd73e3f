"""Measuring two or more things in turn, so that the machine's drift falls on all alike."""

import statistics
from collections.abc import Callable, Mapping


def interleave(subjects: Mapping[str, Callable[[], float]], rounds: int, warmup: int = 1) -> dict[str, list[float]]:
    """Call each subject once a round, in an order that alternates; return their seconds, warm-up left out."""
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(rounds + warmup):
        names = list(subjects) if turn % 2 == 0 else list(reversed(subjects))
        for name in names:
            seconds = subjects[name]()
            if turn >= warmup:
                figures[name].append(seconds)
    return figures


def print_figures(figures: Mapping[str, list[float]], baseline: str, unit_s: float = 1e-3, unit: str = "ms") -> None:
    """A line a subject: median, least, most, the median of its paired ratios to the baseline, n."""
    print(f"{'':34} {'median':>10} {'least':>10} {'most':>10} {'ratio':>8} {'n':>4}   ({unit})")
    for name, seconds in figures.items():
        ratios = [one / other for one, other in zip(seconds, figures[baseline], strict=True)]
        row = (statistics.median(seconds), min(seconds), max(seconds))
        cells = " ".join(f"{value / unit_s:>10.1f}" for value in row)
        print(f"{name:34} {cells} {statistics.median(ratios):>8.2f} {len(seconds):>4}")
