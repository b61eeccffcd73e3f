"""How many files are sent to one relay at a time: its server gives so many channels, and its own agent needs one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.supply import LOOK_S
from orchestrator.transport.push import SMALL_WINDOW_BYTES

SENDS_AT_ONCE = 3
"""Each takes a channel, of eight. More would only share the uplink."""


class Places:
    """Where the server lets little be on its way, a file may take all of its channels (`transport/push.py`): then one
    at a time. So it is until the server's window is known."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._most = 1
        self._taken = 0

    def know_window(self, window_bytes: int) -> None:
        """What a channel to the relay says of its server."""
        with self._changed:
            self._most = 1 if window_bytes < SMALL_WINDOW_BYTES else SENDS_AT_ONCE
            self._changed.notify_all()

    @contextmanager
    def one(self, keep_up: Callable[[], None]) -> Iterator[None]:
        """A place. `keep_up` is called while others have them all: what it raises ends the wait."""
        while not self._take(LOOK_S):
            keep_up()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify()

    def _take(self, timeout_s: float) -> bool:
        with self._changed:
            free = self._changed.wait_for(lambda: self._taken < self._most, timeout_s)
            if free:
                self._taken += 1
            return free
