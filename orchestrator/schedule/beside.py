"""What went on beside a job on its board: files that came to it, or were fetched from it, while it measured."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

Span = tuple[float, float]
"""Monotonic seconds, from and to."""

CLOCKED_STAGES = ("idling", "warming_up", "timing", "answering")
"""While the board does these, a file may move a figure: the energy baseline, and the latencies."""


class Beside:
    """One job, from its order on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stages = [("ordered", clock())]

    def note(self, stage: str) -> None:
        """The job came to a stage."""
        self._stages.append((stage, self._clock()))

    def traces(self, spans: Sequence[Span]) -> dict[str, float]:
        """For the details of the run: for how long of it there were files on their way, and for how long of its clocked
        stages, in seconds; several at once count once. To be asked when the run is over."""
        busy = list(_united(spans))
        beside_s = clocked_s = 0.0
        for (stage, since_s), (_, to_s) in itertools.pairwise([*self._stages, ("", self._clock())]):
            within_s = sum(max(0.0, min(end_s, to_s) - max(begin_s, since_s)) for begin_s, end_s in busy)
            beside_s += within_s
            clocked_s += within_s if stage in CLOCKED_STAGES else 0.0
        return {"s": round(beside_s, 3), "clocked_s": round(clocked_s, 3)}


def _united(spans: Sequence[Span]) -> Iterator[Span]:
    """The same time without overlaps."""
    until_s = float("-inf")
    for begin_s, end_s in sorted(spans):
        if end_s > until_s:
            yield max(begin_s, until_s), end_s
            until_s = end_s
