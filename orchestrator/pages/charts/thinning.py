"""Fewer points that draw the same picture. Pure."""

from collections.abc import Sequence


def thin_series(values: Sequence[float], most: int) -> list[int]:
    """The places of at most so many values (at least 4) in their order: of equal stretches of them the least and the
    most, so that no peak is lost; the first and the last stay."""
    most = max(4, most)
    n = len(values)
    if n <= most:
        return list(range(n))
    inner = max(1, (most - 2) // 2)
    kept = {0, n - 1}
    for stretch in range(inner):
        start, end = 1 + stretch * (n - 2) // inner, 1 + (stretch + 1) * (n - 2) // inner
        places = range(start, end)
        if places:
            kept.add(min(places, key=values.__getitem__))
            kept.add(max(places, key=values.__getitem__))
    return sorted(kept)


def thin_sorted(values: Sequence[float], most: int) -> list[tuple[float, float]]:
    """Values and the share of all that is at most as large, for a distribution: at evenly spaced ranks, the least and
    the most among them. Values need not be sorted."""
    ordered, n = sorted(values), len(values)
    if n == 0:
        return []
    if n <= most:
        ranks = list(range(n))
    else:
        most = max(2, most)
        ranks = sorted({round(step * (n - 1) / (most - 1)) for step in range(most)})
    return [(ordered[rank], (rank + 1) / n) for rank in ranks]
