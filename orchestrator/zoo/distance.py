"""How far the outputs of an artifact lie from those of what it was made from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Distance:
    """Over `inputs` seeded inputs: the worst and the median of an input's largest error, as a share of the spread
    (maximum - minimum) of the parent's outputs for all of them; the cosine between all outputs; on how many inputs the
    largest element is the same one. `against` says what the parent ran on.

    The gate on a board takes the spread for one input, chosen where it is wide (`orchestrator/references.py`). Here an
    input on which a classifier is undecided must not look worse than another: so one spread for all.
    """

    inputs: int
    worst: float
    median: float
    cosine: float
    same_largest: int
    against: str


def measure_distance(mine: Sequence["Outputs"], parents: Sequence["Outputs"], against: str) -> Distance:
    """Compare outputs, input by input. `ValueError` where they cannot be: other names or shapes, NaN, or all equal."""
    import numpy as np

    if not mine or len(mine) != len(parents) or any(one.keys() != parents[0].keys() for one in (*mine, *parents)):
        raise ValueError(f"{len(mine)} outputs to compare with {len(parents)}, or under other names")
    shares, cosines = np.zeros(len(mine)), []
    same = np.ones(len(mine), dtype=bool)
    for name in parents[0]:
        left, right = (_table([one[name] for one in outputs], name) for outputs in (mine, parents))
        if left.shape != right.shape:
            raise ValueError(f"output {name}: {left.shape} to compare with {right.shape}")
        spread = float(right.max() - right.min())
        if spread == 0.0:
            raise ValueError(f"output {name}: all elements of the parent are equal, so it cannot tell right from wrong")
        shares = np.maximum(shares, np.abs(left - right).max(axis=1) / spread)
        lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
        cosines.append(float((left * right).sum()) / lengths if lengths else 0.0)
        same &= left.argmax(axis=1) == right.argmax(axis=1)
    return Distance(len(mine), float(shares.max()), float(np.median(shares)), min(cosines), int(same.sum()), against)


def _table(rows: Sequence["NDArray[Any]"], name: str) -> "NDArray[np.float64]":
    """One row an input."""
    import numpy as np

    if len({row.size for row in rows}) != 1 or rows[0].size == 0:
        raise ValueError(f"output {name}: of several sizes, or empty")
    table = np.stack([row.astype(np.float64).ravel() for row in rows])
    if not np.isfinite(table).all():
        raise ValueError(f"output {name}: it contains NaN or infinity")
    return table
