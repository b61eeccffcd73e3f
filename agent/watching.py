"""A worker under watch: its reports as they come, the end of what it prints, and its death."""

import os
import time
from typing import Any, Callable, Optional, Union

from agent import workshop
from agent.channel import LineReader, read_some
from agent.outcome import Failed, Measured, Reached, decode_report
from agent.places import Places
from agent.protocol import WireError

_TAIL_BYTES = 8192
DEATH_LIMIT_S = 10.0
"""A killed process that is still there after this hangs in the kernel; it is not waited for."""

Watch = Callable[[int, Callable[[], Any]], None]
Unwatch = Callable[[int], None]


class WatchedWorker:
    """A started worker. `report` is its last word when it had one; `garbage` is what stood there instead."""

    def __init__(
        self,
        places: Places,
        started: workshop.Started,
        reached: Callable[[Reached], None],
        watch: Watch,
        unwatch: Unwatch,
    ) -> None:
        self.pid = started.process.pid
        self.report: Optional[Union[Measured, Failed]] = None
        self.garbage = ""
        self.killed_at: Optional[float] = None
        self._places = places
        self._started = started
        self._reached = reached
        self._unwatch = unwatch
        self._lines = LineReader()
        self._tail = b""
        watch(started.reports, self._on_reports)
        watch(started.words, self._on_words)

    @property
    def last_words(self) -> str:
        return self._tail.decode("utf-8", "replace").strip()

    @property
    def exit_status(self) -> Optional[int]:
        """As `subprocess` has it; None while it lives."""
        return self._started.process.poll()

    def kill(self) -> None:
        """Kill it and all that it started. It dies soon, not at once."""
        if self.killed_at is None:
            self.killed_at = time.monotonic()
            workshop.kill(self._started.process)

    def close(self) -> None:
        """Read what is left in the pipes of a dead worker and let everything go."""
        workshop.kill(self._started.process)
        while self._on_reports() or self._on_words():
            continue
        for descriptor in (self._started.reports, self._started.words):
            self._unwatch(descriptor)
            os.close(descriptor)
        workshop.clean_up(self._places)

    def abandon(self) -> None:
        """Kill it and wait for its death, for an agent that leaves at once."""
        self.kill()
        self._started.process.wait(DEATH_LIMIT_S)
        self.close()

    def _on_reports(self) -> bool:
        data = self._read(self._started.reports)
        for line in self._lines.feed(data):
            self._take(line)
        return bool(data)

    def _take(self, line: Union[bytes, WireError]) -> None:
        try:
            if isinstance(line, WireError):
                raise line
            report = decode_report(line)
        except WireError as error:
            self.garbage = self.garbage or str(error)
            self.kill()
            return
        if isinstance(report, Reached):
            self._reached(report)
        else:
            self.report = report

    def _on_words(self) -> bool:
        data = self._read(self._started.words)
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        return bool(data)

    def _read(self, descriptor: int) -> bytes:
        data = read_some(descriptor)
        if data == b"":
            self._unwatch(descriptor)
        return data or b""
