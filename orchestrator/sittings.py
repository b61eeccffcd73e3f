"""A sweep that is stopped from elsewhere: the process that runs it listens, whoever wants it stopped asks and waits.

Both meet in the store, so that neither has to live on for the other, and no process is sent a signal on the word of a
file.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from orchestrator.errors import DynofarmError
from orchestrator.records import Sitting
from orchestrator.store import Store

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""How often a running sweep looks whether it was asked to stop: one row by its number."""

WAIT_EVERY_S = 0.2
"""How often whoever asked looks whether it has stopped: somebody sits before it."""


class Listener:
    """Listens, while a sweep runs, whether somebody asks that it stops: then sets the event that a signal would set.

    It begins with `begin`, when the number of the sweep is known, and ends with the block. What has begun already is
    not begun again. `told` hears who asked.
    """

    def __init__(self, store: Store, holder: str, stop: threading.Event, told: Callable[[str], None]) -> None:
        self._store = store
        self._holder = holder
        self._stop = stop
        self._told = told
        self._number: int | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, sweep_id: int) -> None:
        """From now on everybody can see that this process works at the sweep, and ask it to stop."""
        if self._number is None:
            self._number = self._store.sittings.begin(sweep_id, self._holder, datetime.now(UTC))
            self._thread = threading.Thread(target=self._listen, args=(self._number,), name="stop-requests")
            self._thread.start()

    def _listen(self, number: int) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            try:
                by = self._store.sittings.asked_by(number)
            except DynofarmError as error:  # busy, or gone: then the boards' threads say so
                log.warning("cannot look whether the sweep shall stop: %s", error.message)
                continue
            if by is not None:
                self._obey(number, by)
                return

    def _obey(self, number: int, by: str) -> None:
        news = not self._stop.is_set()
        self._stop.set()
        if news:
            self._told(by)
        try:
            self._store.sittings.note_heard(number, datetime.now(UTC))
        except DynofarmError as error:
            log.warning("cannot write down that the sweep stops: %s", error.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number is None or self._thread is None:
            return
        self._over.set()
        self._thread.join()
        try:
            self._store.sittings.end(self._number, datetime.now(UTC))
        except DynofarmError:
            if error is None:  # else the user shall read what came first
                raise


def wait_until_over(store: Store, asked: Sequence[Sitting], wait_s: float, given_up: threading.Event) -> list[Sitting]:
    """How these stand when all are over or mute, or `wait_s` is over, or the one who waits gives up."""
    numbers = [one.number for one in asked]
    deadline_s = time.monotonic() + wait_s
    while True:
        found, now = store.sittings.these(numbers), datetime.now(UTC)
        if all(one.over or one.is_mute(now) for one in found):
            return found
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or given_up.wait(min(WAIT_EVERY_S, left_s)):
            return found
