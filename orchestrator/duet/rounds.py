"""From the slices that both sides took to one figure a round. Pure.

A round is A B B A or B A A B, some 120 ms long. Its figure is the mean log of B's two slices less that of A's: what
lasts for longer than a round falls on both sides and is gone, and so is whatever grows steadily within it.
"""

import math
from collections.abc import Iterable, Sequence

from agent.protocol import JobResult, Slices
from agent.wire import from_plain

SLICES_A_ROUND = 4
SETTLING_ROUNDS = 1
"""Left out: the side that loaded first had nothing to do while the other loaded, and is cold. Chosen."""
ONE_IN = 4
"""What an inference of a slice took is the lower quartile. The first two after a switch find cold caches, and what
disturbs for some milliseconds slows some: a quartile heeds neither. On a machine that others used it scattered from
duet to duet by 1.7 %, where the median of a slice did by 9.7 % (docs/how-to-compare-on-a-noisy-board.md)."""


def round_logs(first: JobResult, second: JobResult) -> list[float]:
    """The log of second over first, for each round after the settling ones; ValueError where the slices do not fit."""
    sides = _slice_logs(first), _slice_logs(second)
    count = (len(sides[0]) + len(sides[1])) // SLICES_A_ROUND
    if sides[0].keys() & sides[1].keys() or {*sides[0], *sides[1]} != set(range(SLICES_A_ROUND * count)):
        raise ValueError("the slices of the two sides do not make whole rounds")
    logs = []
    for number in range(SETTLING_ROUNDS, count):
        places = range(SLICES_A_ROUND * number, SLICES_A_ROUND * (number + 1))
        ours, theirs = ([side[place] for place in places if place in side] for side in sides)
        if len(ours) != len(theirs):
            raise ValueError(f"round {number} has {len(ours)} slices of one side and {len(theirs)} of the other")
        logs.append((math.fsum(theirs) - math.fsum(ours)) / len(ours))
    if not logs:
        raise ValueError(f"a duet of {count} rounds, of which {SETTLING_ROUNDS} do not count")
    return logs


def latency_ns(result: JobResult) -> float:
    """What an inference of this side took: the lower quartile of all."""
    return lower_quartile(result.timing.latencies_ns)


def lower_quartile(latencies_ns: Sequence[int]) -> int:
    """The one that a quarter of the others are below; of four or fewer the least. There is at least one."""
    return sorted(latencies_ns)[(len(latencies_ns) - 1) // ONE_IN]


def _slice_logs(result: JobResult) -> dict[int, float]:
    """By place, the log of what an inference of that slice took."""
    slices = from_plain(Slices, result.details.get("turns"), "turns")
    latencies_ns = result.timing.latencies_ns
    if not len(slices.places) == len(slices.inferences) == len(set(slices.places)):
        raise ValueError("slices without a place of their own")
    if sum(slices.inferences) != len(latencies_ns) or _least(slices.inferences) < 1 or _least(latencies_ns) < 1:
        raise ValueError("slices without inferences, or inferences without a slice, or without a duration")
    logs, done = {}, 0
    for place, count in zip(slices.places, slices.inferences, strict=True):
        logs[place] = math.log(lower_quartile(latencies_ns[done : done + count]))
        done += count
    return logs


def _least(values: Iterable[int]) -> int:
    return min(values, default=0)
