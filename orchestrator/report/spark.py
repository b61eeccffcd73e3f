"""A series as a line of bars. Pure."""

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int = 40) -> str:
    """The course of a series as at most `width` bars: each bar is the mean of its stretch."""
    if not values:
        return ""
    stretch = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[at : at + stretch] for at in range(0, len(values), stretch))]
    low, high = min(means), max(means)
    if high == low:
        return BARS[0] * len(means)
    return "".join(BARS[round((mean - low) / (high - low) * (len(BARS) - 1))] for mean in means)
