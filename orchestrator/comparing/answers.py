"""Two sets of runs: faster, slower, the same within a threshold, or inconclusive. Pure.

The unit of evidence is the run, so the values are medians of runs, and everything happens on their logs: a slow-down
is a factor, and so is what separates two runs. The interval of the ratio decides, not the ratio:

    faster, slower   the interval leaves 1 out and reaches beyond the threshold
    same             the interval lies within the threshold, 1/(1 + threshold) … 1 + threshold
    inconclusive     neither; `more_runs` says how many would settle it

So a difference that is there but smaller than the threshold is `same`, and an alarm needs evidence, not only a ratio.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from orchestrator.comparing.intervals import CONFIDENCE, Interval, degrees_of_freedom, interval, standard_error
from orchestrator.comparing.student import quantile

USUAL_THRESHOLD = 0.05
"""Where a board's own noise floor is not known (docs/measurement.md)."""
ASSURANCE = 0.8
"""Chosen, as usual when a study is planned: `more_runs` settles it in four of five cases if the estimates are right."""
ENOUGH_RUNS = 5
"""What comparisons ask for at least (docs/measurement.md); advised where too few runs show no spread at all."""
MOST_RUNS = 1000
"""Chosen: beyond this nobody runs, and `more_runs` is None."""
FEWEST_PAIRS = 3
"""Chosen: two pairs leave one degree of freedom, and an interval five times as wide as that of two and two runs."""


class Answer(StrEnum):
    """What the second side is, compared with the first."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Comparison:
    """`ratio` is second over first, `low` … `high` its 95 % interval (0 … infinity where no spread is known).

    `threshold` is a share (0.05: 5 %). `first_n`, `second_n` count the runs that took part: of paired sides only those
    with a partner. `more_runs` a side would probably settle an inconclusive answer; 0 where it is settled, None where
    even a thousand would not. `p_value` is that of "no difference at all"; `adjust` takes it.
    """

    ratio: float
    low: float
    high: float
    answer: Answer
    threshold: float
    first_n: int
    second_n: int
    more_runs: int | None
    paired: bool
    p_value: float
    bootstrapped: bool = False


def compare(
    first: Sequence[float],
    second: Sequence[float],
    *,
    threshold: float = USUAL_THRESHOLD,
    blocks: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare medians of runs (any one unit, above zero) of two sides; ValueError for values that cannot be medians.

    `blocks` names the block of each run: runs of one block were measured near each other, so their ratio is free of
    what drifts from block to block. Blocks of different sweeps need different names. Runs are paired where at least
    three blocks have both sides and at most a third of a side stays without a partner; else they are not.
    `confidence` is that of the interval, for whoever looks more than once.
    """
    logs = [_logs(side) for side in (first, second)]
    if not (0 <= threshold < math.inf):
        raise ValueError(f"the threshold must be a share of 0 or more, not {threshold}")
    pairs = _pairs(logs[0], logs[1], blocks) if blocks is not None else None
    if pairs is None:
        parts, counts = [[-value for value in logs[0]], logs[1]], (len(logs[0]), len(logs[1]))
    else:
        parts, counts = [[after - before for before, after in pairs]], (len(pairs), len(pairs))
    found = interval(parts, confidence)
    answer = _answer(found, math.log1p(threshold))
    return Comparison(
        ratio=_exp(found.middle),
        low=_exp(found.low),
        high=_exp(found.high),
        answer=answer,
        threshold=threshold,
        first_n=counts[0],
        second_n=counts[1],
        more_runs=_more_runs(found, math.log1p(threshold), confidence) if answer is Answer.INCONCLUSIVE else 0,
        paired=pairs is not None,
        p_value=found.p_value,
        bootstrapped=found.bootstrapped,
    )


def _logs(side: Sequence[float]) -> list[float]:
    if not side:
        raise ValueError("no runs to compare")
    if not all(0 < value < math.inf for value in side):
        raise ValueError("medians of runs must be finite and above zero")
    return [math.log(value) for value in side]


def _exp(log: float) -> float:
    return math.exp(log) if log < 700 else math.inf


def _pairs(
    first: Sequence[float], second: Sequence[float], blocks: tuple[Sequence[Hashable], Sequence[Hashable]]
) -> list[tuple[float, float]] | None:
    """The blocks with both sides, each side as the mean of its logs there; None where pairing is not possible."""
    sides = []
    for logs, names in zip((first, second), blocks, strict=True):
        side: dict[Hashable, list[float]] = {}
        for value, name in zip(logs, names, strict=True):
            side.setdefault(name, []).append(value)
        sides.append(side)
    common = [name for name in sides[0] if name in sides[1]]
    if len(common) < FEWEST_PAIRS:
        return None
    if any(3 * sum(len(side[name]) for name in common) < 2 * sum(map(len, side.values())) for side in sides):
        return None
    return [(fmean(sides[0][name]), fmean(sides[1][name])) for name in common]


def _answer(found: Interval, threshold: float) -> Answer:
    """`threshold` as a log."""
    if -threshold <= found.low and found.high <= threshold:
        return Answer.SAME
    if found.low > 0:
        return Answer.SLOWER
    if found.high < 0:
        return Answer.FASTER
    return Answer.INCONCLUSIVE


def _more_runs(found: Interval, threshold: float, confidence: float) -> int | None:
    """The least number of further runs a side that settles it in four of five cases, if middle and spread are true.

    It is settled when the interval leaves 1 out, or lies within the threshold: whichever is nearer.
    """
    variances = found.variances
    if variances is None:
        return max(1, ENOUGH_RUNS - min(found.counts))
    goal = max(abs(found.middle), threshold - abs(found.middle))

    def settles(more: int) -> bool:
        counts = [n + more for n in found.counts]
        df = degrees_of_freedom(variances, counts)
        factor = quantile((1 + confidence) / 2, df) + quantile(ASSURANCE, df)
        return factor * standard_error(variances, counts) <= goal

    if not settles(MOST_RUNS):
        return None
    low, high = 1, MOST_RUNS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle + 1, high)
    return low
