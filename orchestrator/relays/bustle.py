"""When a relay was busy with files for its site: what it measures meanwhile was disturbed by that."""

import threading
import time
from collections.abc import Callable, Iterator
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

    def spans(self) -> list[Span]:
        """Each time that something came or went; what goes on still, until now."""
        now_s = self._clock()
        with self._guard:
            return [*self._over, *((began_s, now_s) for began_s in self._going_on.values())]
