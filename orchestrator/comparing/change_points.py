"""Steps in a series of figures that scatter: where one begins, and whether it is more than scatter. Pure, and seeded.

The figures are replaced by their ranks, so that one that lies far out weighs no more than any other; the split is the
one at which the mean ranks of both parts differ most (A. N. Pettitt, Applied Statistics 28, 1979, weighted so that
splits near the ends are not at a disadvantage). How large that difference becomes where there is no step is told by
permutations: ranks of n figures scatter in one way only, so it is worked out once for each n. Each part is then looked
at again (binary segmentation).

No library: those that there are find splits for a penalty, which has to be tuned to the noise of each board, and
promise nothing about false alarms; the level of a permutation test is what it says for any noise that does not
drift. What is found, and what falsely: the tests.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.02
"""Chosen: a history is looked at after every sweep, not once; and at 1 % a step of 10 % in noise of 3 % shows later."""
FEWEST = 3
"""Chosen: sweeps on either side of a step. Two could be two bad days."""
NEAR = 10
"""Chosen: how far the split of the ranks is believed."""
PERMUTATIONS = 9999
FEWEST_PERMUTATIONS = 1999
FIGURES = 20_000_000
"""Of very long series fewer are shuffled: a second of work, and `LEVEL` is still forty times the least p value."""
FIGURES_AT_ONCE = 1_000_000
"""Some 40 MB, however long the series."""
EACH_LENGTH = 128
SEED = 20_240_229
"""Any number would do, as long as the same series gives the same steps."""


@dataclass(frozen=True)
class Step:
    """From the figure at `index` on, the level is another: `ratio` times that of the stretch before. Levels are medians
    of stretches between steps; `p_value` is that of "no step"."""

    index: int
    before: float
    after: float
    p_value: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def find_steps(values: Sequence[float], least: float = 0.0, level: float = LEVEL) -> list[Step]:
    """The steps of a series of positive figures, in order. Those of less than `least` (a share) are not told.

    Fewer than six figures have no steps: there is no telling. ValueError for what is no latency.
    """
    if not all(0 < value < math.inf for value in values):
        raise ValueError("figures of a series must be finite and above zero")
    found = dict(_splits(values, level))
    if not found:
        return []
    while True:
        edges = [0, *sorted(found), len(values)]
        levels = [median(values[start:end]) for start, end in pairwise(edges)]
        between = zip(edges[1:-1], pairwise(levels), strict=True)
        steps = [Step(index, before, after, found[index]) for index, (before, after) in between]
        # Without a step that is too small, its neighbours stand between longer stretches: look again.
        small = min(steps, key=_size, default=None)
        if small is None or _size(small) >= math.log1p(least):
            return steps
        del found[small.index]


def _size(step: Step) -> float:
    return abs(math.log(step.ratio))


def _splits(values: Sequence[float], level: float) -> Iterator[tuple[int, float]]:
    """Where each stretch of the series splits, and the p value of that, until none does any more."""
    left = [(0, len(values))]
    while left:
        start, end = left.pop()
        stretch = values[start:end]
        if len(stretch) < 2 * FEWEST:
            continue
        highest, height = _highest(stretch)
        p_value = _p_value(height, len(stretch))
        if p_value <= level:
            index = start + _moved(stretch, highest)
            yield index, p_value
            left += [(start, index), (index, end)]


def _highest(values: Sequence[float]) -> tuple[int, float]:
    """The split at which the mean ranks differ most, and by how much, in units of what chance makes of one split."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    heights = _heights(np.asarray([_ranks(values)]))[0]
    at = int(heights.argmax())
    return at + FEWEST, float(heights[at])


def _moved(values: Sequence[float], highest: int) -> int:
    """Where the step begins. Ranks know that there is one, but not how far the figures lie from either level; so the
    split nearby is taken that leaves the least distance to the medians of both parts."""
    logs = [math.log(value) for value in values]
    near = range(max(FEWEST, highest - NEAR), min(len(values) - FEWEST, highest + NEAR) + 1)
    return min(near, key=lambda index: (_scatter(logs[:index]) + _scatter(logs[index:]), abs(index - highest)))


def _scatter(logs: Sequence[float]) -> float:
    middle = median(logs)
    return math.fsum(abs(value - middle) for value in logs)


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal figures share the mean of theirs."""
    order = sorted(values)
    first = {value: index for index, value in reversed(list(enumerate(order, 1)))}
    last = {value: index for index, value in enumerate(order, 1)}
    return [(first[value] + last[value]) / 2 for value in values]


def _heights(ranks: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """For each row and each split that leaves `FEWEST` on either side: |sum of ranks - expected| over its deviation
    (the variance of a sum of k of n ranks is k(n - k)(n + 1)/12)."""
    import numpy as np

    n = ranks.shape[1]
    k = np.arange(FEWEST, n - FEWEST + 1)
    sums = np.cumsum(ranks, axis=1)[:, FEWEST - 1 : n - FEWEST]
    heights: NDArray[np.float64] = np.abs(sums - k * (n + 1) / 2) / np.sqrt(k * (n - k) * (n + 1) / 12)
    return heights


def _p_value(height: float, n: int) -> float:
    import numpy as np

    by_chance = _heights_by_chance(_length_like(n))
    higher = len(by_chance) - int(np.searchsorted(by_chance, height - 1e-9))
    return (higher + 1) / (len(by_chance) + 1)


def _length_like(n: int) -> int:
    """Long series share the heights of a slightly longer one, which are no lower: thousands of stretches would else
    want thousands of tables."""
    return n if n <= EACH_LENGTH else math.ceil(1.1 ** math.ceil(math.log(n, 1.1) - 1e-9))


@lru_cache(maxsize=512)
def _heights_by_chance(n: int) -> "NDArray[np.float64]":
    """The greatest height of each of many shuffled series of n figures, in order."""
    import numpy as np

    random = np.random.default_rng((SEED, n))
    rows, found = min(PERMUTATIONS, max(FEWEST_PERMUTATIONS, FIGURES // n)), []
    while rows:
        part = min(rows, max(1, FIGURES_AT_ONCE // n))
        shuffled = random.permuted(np.tile(np.arange(1.0, n + 1), (part, 1)), axis=1)
        found.append(_heights(shuffled).max(axis=1))
        rows -= part
    return np.sort(np.concatenate(found))
