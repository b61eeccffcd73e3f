"""Did the board itself change between the sides? The reference model, which never changes, tells. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.comparing.answers import Answer, Comparison, compare
from orchestrator.comparing.pairing import Pair

Looks = Mapping[tuple[str, int], Sequence[float]]
"""By device and sweep: the medians of the reference model's runs, ns."""


@dataclass(frozen=True)
class Moved:
    """The reference model took `ratio` times as long in the sweeps of the second side."""

    device: str
    ratio: float

    def __str__(self) -> str:
        way = "slower" if self.ratio > 1 else "faster"
        percent = 100 * abs(self.ratio - 1)
        where = f"on {self.device} in the sweeps of the second side"
        return f"the reference model was {percent:.1f} % {way} {where}: the board itself changed"


def board_moved(pair: Pair, looks: Looks, threshold: float) -> Moved | None:
    """How far the board moved between the sides; None where it did not, by more than the threshold, or nobody knows.

    Sweeps that both sides share tell nothing, and two boards are two boards.
    """
    device, other = (side[0].fingerprint.device for side in (pair.first, pair.second))
    sweeps = [{run.sweep_id for run in side} for side in (pair.first, pair.second)]
    if device != other:
        return None
    sides = [
        [one for sweep in sorted(mine - theirs) for one in looks.get((device, sweep), ())]
        for mine, theirs in (sweeps, sweeps[::-1])
    ]
    if not all(sides):
        return None
    found = _compare(tuple(sides[0]), tuple(sides[1]), threshold)
    beyond = not 1 / (1 + threshold) <= found.ratio <= 1 + threshold
    return Moved(device, found.ratio) if beyond and found.answer in (Answer.SLOWER, Answer.FASTER) else None


@lru_cache(maxsize=1024)
def _compare(first: tuple[float, ...], second: tuple[float, ...], threshold: float) -> Comparison:
    """Every case of a board asks the same of it."""
    return compare(first, second, threshold=threshold)
