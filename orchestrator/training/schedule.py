"""How fast to learn at which step, and when to stop. Pure."""

from collections.abc import Sequence

WARM_UP = 0.06
"""Share of the steps in which the rate rises (Y. Liu et al., arXiv 1907.11692, table 10)."""


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Rises in a line to `highest`, then falls in a line to zero behind the last of `steps`; `step` counts from 0."""
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return highest * (step + 1) / rising
    return highest * (steps - step) / max(1, steps - rising)


def best_epoch(right: Sequence[int]) -> int:
    """The first epoch, from 0, after which the most dev examples were right."""
    return max(range(len(right)), key=lambda epoch: (right[epoch], -epoch))


def should_stop(right: Sequence[int], epochs: int, patience: int) -> bool:
    """Whether training is over: all epochs are done, or the last `patience` of them gained nothing."""
    return len(right) >= epochs or (bool(right) and len(right) - 1 - best_epoch(right) >= patience)
