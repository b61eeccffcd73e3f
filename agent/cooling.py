"""The thermal gate: a job starts when the board is cool, or when it has waited long enough (docs/measurement.md)."""

from typing import Optional

from agent.protocol import ThermalGate
from agent.sensors import thermal


class Cooling:
    """One wait for one job. Without a limit, or without a sensor, there is nothing to wait for.

    `state`, for the details of a result: `off` (nothing was asked), `no sensor`, `cool`, or `gave up` (still too warm).
    """

    def __init__(self, gate: ThermalGate, root: str, now: float) -> None:
        self._gate = gate
        self._root = root
        self._sources = thermal.find_temperatures(root)
        self._asked_at = self._next_look_at = now
        self.waited_s = 0.0
        self.state = "off" if self._sources else "no sensor"

    def look(self, now: float) -> Optional[float]:
        """None when the job may start; else when to look again (the same clock as `now`, seconds)."""
        if self._gate.start_c is None:
            return None
        if now < self._next_look_at:
            return self._next_look_at
        hottest_c = thermal.hottest(thermal.read_temperatures(self._root, self._sources))
        self.waited_s = now - self._asked_at
        if hottest_c is None:
            self.state = "no sensor"
            return None
        if hottest_c <= self._gate.start_c:
            self.state = "cool"
            return None
        if self.waited_s >= self._gate.limit_s:
            self.state = "gave up"
            return None
        self._next_look_at = min(now + self._gate.poll_s, self._asked_at + self._gate.limit_s)
        return self._next_look_at
