"""The ratio of one duet with the interval of its rounds, and the answer of several. Pure.

The unit of evidence is the duet, not the round: two processes of one artifact differ by where their memory lies, and
no number of rounds between the same two shows that. So the answer comes from several duets, each of fresh processes,
by the rule of `comparing`; the interval of a duet's own rounds only says how far that duet is sure of itself.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agent.protocol import JobResult
from orchestrator.comparing import Comparison, compare
from orchestrator.duet.rounds import latency_ns, round_logs

CONFIDENCE = 0.95
FEWEST_DUETS = 3
"""As many as a paired comparison of runs asks for (`comparing`)."""
RESAMPLES = 2000
SEED = 20_240_229
"""Any number would do, as long as the same rounds give the same interval."""
FEWEST_ROUNDS = 8
"""Chosen: of fewer, resampling shows no interval worth the name."""


@dataclass(frozen=True)
class PlayedDuet:
    """One duet: `ratio` is second over first, `low` … `high` the 95 % interval of its rounds, None of too few."""

    ratio: float
    low: float | None
    high: float | None
    rounds: int
    first_ns: float
    second_ns: float


def read_duet(first: JobResult, second: JobResult) -> PlayedDuet:
    """What a duet tells of its two sides, whichever of them loaded first; ValueError for slices that cannot be."""
    logs = round_logs(first, second)
    low, high = _interval(logs) or (None, None)
    return PlayedDuet(
        ratio=math.exp(statistics.median(logs)),
        low=None if low is None else math.exp(low),
        high=None if high is None else math.exp(high),
        rounds=len(logs),
        first_ns=latency_ns(first),
        second_ns=latency_ns(second),
    )


def compare_duets(duets: Sequence[PlayedDuet], threshold: float) -> Comparison:
    """Second against first, each duet a pair; its `more_runs` are further duets. ValueError below `FEWEST_DUETS`."""
    if len(duets) < FEWEST_DUETS:
        raise ValueError(f"{len(duets)} duets, and it takes {FEWEST_DUETS}")
    numbers = range(len(duets))
    ones, ratios = [1.0] * len(duets), [duet.ratio for duet in duets]
    return compare(ones, ratios, threshold=threshold, blocks=(numbers, numbers))


def _interval(logs: Sequence[float]) -> tuple[float, float] | None:
    """Of the median, by the circular block bootstrap (Politis and Romano, 1992): rounds that follow each other are
    alike, so they are drawn in stretches of the cube root of their number (Hall, Horowitz and Jing, 1995)."""
    import numpy as np  # costs a tenth of a second, which `--help` need not pay

    n = len(logs)
    if n < FEWEST_ROUNDS:
        return None
    stretch = round(n ** (1 / 3))
    random = np.random.default_rng(SEED)
    starts = random.integers(0, n, (RESAMPLES, math.ceil(n / stretch)))
    drawn = (starts[:, :, None] + np.arange(stretch)).reshape(RESAMPLES, -1)[:, :n] % n
    medians = np.median(np.asarray(logs)[drawn], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
