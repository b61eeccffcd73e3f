"""Do the 95 % intervals of `compare` hold the truth in 95 % of cases, and how wide are they?

Both sides are drawn from one distribution of logs, the second made 7 % slower. Beside ours, Welch's interval of the
same runs: they are the same below ten runs and where no run lies far out. Width: the median of half the interval, in
deviations of a run.
"""

import argparse
import math
import statistics
from collections.abc import Callable

import bench_board  # noqa: F401 - puts the checkout first on the path
import numpy as np

from orchestrator.comparing import compare
from orchestrator.comparing.intervals import degrees_of_freedom, standard_error
from orchestrator.comparing.student import quantile

SCALE, TRUTH = 0.01, 1.07
Shape = Callable[["np.random.Generator", tuple[int, int]], "np.ndarray"]
SHAPES: dict[str, Shape] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "heavy tails (Student's t of 3)": lambda random, shape: random.standard_t(3, shape),
    "skewed (exponential)": lambda random, shape: random.exponential(1, shape),
    "two modes (30 % are 6 deviations up)": lambda random, shape: (
        random.standard_normal(shape) + 6 * (random.random(shape) < 0.3)
    ),
    "10 % far out (up by 15 normal)": lambda random, shape: (
        random.standard_normal(shape) + 15 * np.abs(random.standard_normal(shape)) * (random.random(shape) < 0.1)
    ),
}


def welch(first: list[float], second: list[float]) -> tuple[float, float]:
    logs = [[math.log(value) for value in side] for side in (first, second)]
    variances, counts = [statistics.variance(side) for side in logs], [len(side) for side in logs]
    half = quantile(0.975, degrees_of_freedom(variances, counts)) * standard_error(variances, counts)
    middle = statistics.fmean(logs[1]) - statistics.fmean(logs[0])
    return math.exp(middle - half), math.exp(middle + half)


def cell(intervals: list[tuple[float, float]]) -> str:
    covered = np.mean([low <= TRUTH <= high for low, high in intervals])
    half = np.median([math.log(high / low) / 2 for low, high in intervals]) / SCALE
    return f"{100 * covered:.1f} %, {half:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print(f"n = {chosen.trials} trials a cell, seed {chosen.seed}; covered, and half the width\n")
    print("| runs a side | shape | ours, not paired | ours, paired | Welch |\n|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        for runs in (3, 5, 10, 20):
            random = np.random.default_rng([chosen.seed, runs, *name.encode()])
            firsts, seconds = (np.exp(SCALE * shape(random, (chosen.trials, runs))).tolist() for _ in range(2))
            sides = [
                (first, [TRUTH * value for value in second]) for first, second in zip(firsts, seconds, strict=True)
            ]
            blocks = (range(runs), range(runs))
            plain = [compare(*both) for both in sides]
            paired = [compare(*both, blocks=blocks) for both in sides]
            cells = [cell([(one.low, one.high) for one in found]) for found in (plain, paired)]
            print(f"| {runs} | {name} | {' | '.join(cells)} | {cell([welch(*both) for both in sides])} |", flush=True)


if __name__ == "__main__":
    main()
