"""What would decide a claim that is undecided. Pure."""

import math

from orchestrator.study.figures import Figure, more_runs
from orchestrator.study.measures import Measure

MOST_EXAMPLES = 10_000_000
"""Chosen: no data set of this field is larger."""
MOST_RUNS = 1000
"""As `comparing.answers` has it: beyond this nobody runs."""


def what_would_decide(found: Measure, bound: float) -> str:
    """In words: so many more runs, or so many examples; what no number of them decides is told as that."""
    if found.examples:
        return _more_examples(found, bound)
    if not found.runs:
        return "the interval of the energy is too wide"
    figure = found.figure
    runs = more_runs(figure, bound) if figure.logs is not None else _more_by_width(figure, bound)
    if runs is None:
        return "too near to be told by more runs"
    return f"{runs} more run{'s' * (runs != 1)} would probably decide it"


def _more_by_width(figure: Figure, bound: float) -> int | None:
    """Of a ratio nothing but its interval is known; that narrows with the root of the runs."""
    if not figure.is_bounded:
        return max(1, 3 - figure.n)
    distance = abs(math.log(figure.value / bound)) if bound > 0 else 0.0
    arm = math.log(figure.high / figure.low) / 2
    wanted = math.ceil(figure.n * (arm / distance) ** 2) if distance > 1e-9 else MOST_RUNS + figure.n + 1
    return max(1, wanted - figure.n) if wanted - figure.n <= MOST_RUNS else None


def _more_examples(found: Measure, bound: float) -> str:
    """An interval narrows with the root of the examples; of its arms the one towards the bound counts."""
    figure = found.figure
    distance = abs(figure.value - bound)
    arm = figure.high - figure.value if bound > figure.value else figure.value - figure.low
    if distance == 0 or found.examples * (arm / distance) ** 2 > MOST_EXAMPLES:
        return "too near to be told by more examples"
    wanted = math.ceil(found.examples * (arm / distance) ** 2)
    return f"about {wanted:,} examples instead of {found.examples:,} would probably decide it"
