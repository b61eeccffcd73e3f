"""What the control chart behind `dynofarm health` makes of histories whose truth is known: how often it takes a board
out that did not move, and how soon it finds one that did.

    python benchmarks/control_chart.py [--histories 1000]

A history is 20 visits in which nothing happened (more or fewer where it says so), then visits after a step. Visits
have a standard deviation of 0.5 to 3 %; normal, heavy-tailed (Student's t, 4 degrees of freedom), related
(autoregression, 0.3), or bimodal (three of ten visits 1.5 deviations slower).
"""

import argparse
import math
import random

from orchestrator.health.control_chart import follow

SHAPES = ("normal", "heavy", "related", "bimodal")
DEVIATIONS = (0.005, 0.01, 0.02, 0.03)
SEED = 1


def history(rng: random.Random, shape: str, n: int, deviation: float) -> list[float]:
    """Log medians of visits."""
    values, last = [], rng.gauss(0, deviation)
    for _ in range(n):
        value = rng.gauss(0, deviation)
        if shape == "heavy":
            value /= math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(4)) / 4) * math.sqrt(2)
        elif shape == "related":
            value = last = 0.3 * last + value * math.sqrt(1 - 0.3**2)
        elif shape == "bimodal":
            value = value / 2 + (1.5 * deviation if rng.random() < 0.3 else 0.0)
        values.append(14.0 + value)
    return values


def share_out(
    shape: str, deviation: float, histories: int, *, quiet: int = 20, after: int = 1, step: float = 0.0
) -> float:
    """The share of histories at whose end the chart says that the board has moved."""
    rng = random.Random(f"{SEED}/{shape}/{deviation}/{quiet}/{after}/{step}")
    count = 0
    for _ in range(histories):
        values = history(rng, shape, quiet + after, deviation)
        count += follow([*values[:quiet], *(value + math.log1p(step) for value in values[quiet:])]).out
    return count / histories


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=1000, help="a cell (default: 1000)")
    histories = parser.parse_args().histories
    print(f"share of {histories} histories after which a board is taken out, in percent")
    heads = ("no step, 8", "no step, 20", "no step, 40", "5 %, 1st", "5 %, 3rd", "5 %, 5th", "10 %, 1st", "10 %, 2nd")
    print(f"{'visits':<16}" + "".join(f"{head:>13}" for head in heads))
    for shape in SHAPES:
        for deviation in DEVIATIONS:
            shares = [share_out(shape, deviation, histories, quiet=quiet) for quiet in (8, 20, 40)]
            shares += [share_out(shape, deviation, histories, after=after, step=0.05) for after in (1, 3, 5)]
            shares += [share_out(shape, deviation, histories, after=after, step=0.10) for after in (1, 2)]
            print(f"{shape:<9}{deviation * 100:>4.1f} % " + "".join(f"{share * 100:>13.1f}" for share in shares))


if __name__ == "__main__":
    main()
