"""When the reference model has moved, on a board that holds its speed and on one that goes to and fro. Pure."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from orchestrator.drift import mark_drift

MOVED = 0.05
"""Chosen: what comparisons take for a difference."""

FAR = 2.0
"""Chosen: a board that goes to and fro has moved when it is twice its `restlessness` off: 3.3 standard deviations where
all is normal."""

LEAST_HISTORY = 20
"""Chosen: of so many runs, one that had moved, and its two steps, do not decide what nine of ten steps are."""

HISTORY = 50
"""Chosen: the newest runs of the reference model; a board's habits change with its kernel and its place."""


def restlessness(medians_ns: Sequence[float]) -> float | None:
    """How far a board goes to and fro: nine of ten runs of the reference model differ from the one before by less than
    1.41 times this share. A lasting change is one step and counts as little as that. None for fewer than 20."""
    if len(medians_ns) < LEAST_HISTORY:
        return None
    logs = [math.log(value) for value in medians_ns]
    steps = sorted(abs(after - before) for before, after in pairwise(logs))
    return math.expm1(steps[math.ceil(0.9 * len(steps)) - 1] / math.sqrt(2))


def move_limit(restless: float | None) -> float:
    """How far off a figure must be before it says that a board had moved: 5 %, or more where it is always restless."""
    return max(MOVED, FAR * (restless or 0.0))


def judge_references(medians_ns: Sequence[float], restless: float | None) -> list[bool]:
    """Which of a board's reference runs, in order of time, lie in a stretch where the board had moved (`drift.py`), and
    are off by `move_limit`. Of two that differ both are: nobody knows which is the usual one."""
    logs, limit = [math.log(value) for value in medians_ns], math.log1p(move_limit(restless))
    if len(logs) < 3:
        return [bool(logs) and max(logs) - min(logs) > limit] * len(logs)
    middle = median(logs)
    drifted = mark_drift([value - middle for value in logs])
    return [moved and abs(value - middle) > limit for moved, value in zip(drifted, logs, strict=True)]
