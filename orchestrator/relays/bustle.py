"""When a relay was busy with files for its site: what it measures meanwhile was disturbed by that."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Span = tuple[float, float]
"""Monotonic seconds, from and to."""


class Bustle:
    """Written by all who send a file to the relay or fetch one from it, read by the thread that has it measure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._going_on: dict[object, float] = {}
        self._over: list[Span] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """A file comes or goes."""
        what = object()
        with self._guard:
            self._going_on[what] = self._clock()
        try:
            yield
        finally:
            with self._guard:
                self._over.append((self._going_on.pop(what), self._clock()))

    def forget(self) -> None:
        """A job begins: what is over does not disturb it."""
        with self._guard:
            self._over.clear()

    def within_s(self, spans: Sequence[Span]) -> float:
        """For how long of these spans, which do not overlap, something came or went."""
        now_s = self._clock()
        with self._guard:
            busy = _united([*self._over, *((began_s, now_s) for began_s in self._going_on.values())])
        return sum(max(0.0, min(end, to) - max(begin, since)) for begin, end in busy for since, to in spans)


def _united(spans: Sequence[Span]) -> list[Span]:
    """The same time without overlaps: many neighbours fetch at once."""
    found: list[Span] = []
    for begin_s, end_s in sorted(spans):
        if found and begin_s <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((begin_s, end_s))
    return found
