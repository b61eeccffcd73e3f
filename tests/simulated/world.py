"""What happens on all boards, one thing after another: one thread and its timers.

Since all boards' doings are its own, no board needs a lock. Its processor time is that of the simulation and none of
the orchestrator's; how late it came to what was due says whether the farm's time was kept.
"""

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.simulated.clock import FarmClock

Happening = Callable[[], None]
_Due = tuple[float, int, Happening]


class World:
    """Runs what is due, in the order of time, until it is closed. What goes wrong inside is kept in `fault`."""

    def __init__(self, clock: FarmClock) -> None:
        self.clock = clock
        self.cpu_s = 0.0
        self.happenings = 0
        self.worst_delay_s = 0.0
        self.total_delay_s = 0.0
        self.fault: BaseException | None = None
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._posted: queue.SimpleQueue[_Due | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._posted.put(None)
        self._thread.join()

    def after(self, delay_s: float, happening: Happening) -> None:
        """Let something happen, in farm seconds from now."""
        due = (self.clock.now() + delay_s, next(self._numbers), happening)
        if threading.current_thread() is self._thread:
            heapq.heappush(self._due, due)
        else:
            self._posted.put(due)  # no lock that a thousand threads of the orchestrator could stand before

    def _run(self) -> None:
        while (happening := self._next()) is not None:
            try:
                happening()
            except BaseException as fault:
                self.fault = self.fault or fault
                raise
            self.cpu_s = time.thread_time()

    def _next(self) -> Happening | None:
        while True:
            left_s = self._due[0][0] - self.clock.now() if self._due else None
            try:
                wait_s = None if left_s is None else max(0.0, self.clock.real_s(left_s))
                posted = self._posted.get(timeout=wait_s) if wait_s != 0 else self._posted.get_nowait()
            except queue.Empty:
                if left_s is None or left_s > 0:
                    continue
                self.happenings += 1
                self.total_delay_s -= left_s
                self.worst_delay_s = max(self.worst_delay_s, -left_s)
                return heapq.heappop(self._due)[2]
            if posted is None:
                return None
            heapq.heappush(self._due, posted)
