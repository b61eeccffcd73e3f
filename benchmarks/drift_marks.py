"""What `mark_drift` finds in a few reference runs, and what it marks though nothing moved.

Series of runs with heavy tails (Student's t of 4, scaled to the deviation). False: the share of series with any mark
where nothing moved. Then the share of moved runs that are marked: the last run, or the last third, up by so much.
"""

import argparse

import bench_board  # noqa: F401 - puts the checkout first on the path
import numpy as np

from orchestrator.drift import mark_drift

MOVES = (("last", 0.05), ("last", 0.10), ("last", 0.30), ("third", 0.05), ("third", 0.10))


def marks(random: "np.random.Generator", trials: int, n: int, deviation: float, moved: int, by: float) -> "np.ndarray":
    values = deviation * random.standard_t(4, (trials, n)) / np.sqrt(2)
    values[:, n - moved :] += by
    return np.array([mark_drift(series) for series in values.tolist()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print(f"n = {chosen.trials} series a cell, seed {chosen.seed}\n")
    heads = [f"{which} +{100 * by:.0f} %" for which, by in MOVES]
    print(f"| deviation | runs | false | {' | '.join(heads)} |\n|---|---|---|{'---|' * len(heads)}")
    for deviation in (0.005, 0.01, 0.02, 0.04):
        for n in (4, 5, 6, 8, 10, 20):
            random = np.random.default_rng([chosen.seed, n, int(1000 * deviation)])
            cells = [np.mean(marks(random, chosen.trials, n, deviation, 0, 0.0).any(axis=1))]
            for which, by in MOVES:
                moved = 1 if which == "last" else max(1, n // 3)
                cells.append(np.mean(marks(random, chosen.trials, n, deviation, moved, by)[:, n - moved :]))
            shares = " | ".join(
                f"{100 * share:.1f} %" if not at else f"{100 * share:.0f} %" for at, share in enumerate(cells)
            )
            print(f"| {100 * deviation:.1f} % | {n} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
