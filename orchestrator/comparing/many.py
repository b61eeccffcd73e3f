"""Many comparisons at once: of a hundred true equals, five alarm at 5 % each. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

from orchestrator.comparing.answers import MOST_RUNS, Answer, Comparison
from orchestrator.comparing.intervals import CONFIDENCE


def adjust(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the given order: alarm where one is at most 5 %, and at most 5 % of the alarms are false.

    Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995: the p value of rank k of m,
    times m/k, and never above that of a later rank. ValueError for what is no probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("p values lie between 0 and 1")
    adjusted = [0.0] * len(p_values)
    least = 1.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank in range(len(order), 0, -1):
        least = min(least, p_values[order[rank - 1]] * (len(order) / rank))
        adjusted[order[rank - 1]] = least
    return adjusted


def correct(comparisons: Sequence[Comparison], confidence: float = CONFIDENCE) -> list[Comparison]:
    """The same comparisons, but an alarm that does not survive `adjust` is inconclusive.

    Intervals and ratios stay what they were; `same` needs no correction (to be within the threshold is no alarm).
    `confidence` is that of the comparisons' intervals.
    """
    adjusted = adjust([one.p_value for one in comparisons])
    return [
        replace(one, answer=Answer.INCONCLUSIVE, more_runs=_more_runs(one, p, confidence))
        if one.answer in (Answer.FASTER, Answer.SLOWER) and p > 1 - confidence
        else one
        for one, p in zip(comparisons, adjusted, strict=True)
    ]


def _more_runs(one: Comparison, adjusted: float, confidence: float) -> int | None:
    """What the interval at the stricter level would need to leave 1 out, by the normal distribution: an estimate."""
    level = NormalDist().inv_cdf(1 - (1 - confidence) * one.p_value / adjusted / 2)
    half = (math.log(one.high) - math.log(one.low)) / 2 * level / NormalDist().inv_cdf((1 + confidence) / 2)
    runs = min(one.first_n, one.second_n)
    more = math.ceil(runs * (half / math.log(one.ratio)) ** 2) - runs
    return max(1, more) if more <= MOST_RUNS else None
