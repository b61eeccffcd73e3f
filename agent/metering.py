"""Readings of power and energy in a job of its own, from the idle board to the end of the timed loop.

Apart from the sampler: such readings can take long, and they have a clock of their own, the middle of each reading.
"""

import math
import time
from typing import Any, Callable, Dict, List, Optional

from agent.protocol import EnergyPlan, Samples
from agent.sensors.meters import Meter, channel

_MOST_DUTY = 0.1
"""Reading may take a tenth of the time at most: more, and the board is measured at work on its own measurement."""
_PRICE_READINGS = 3

Clock = Callable[[], int]


class Metering:
    """The readings of one job. Seconds are those of `time.monotonic`."""

    def __init__(self, plan: EnergyPlan, meters: List[Meter], clock_ns: Clock = time.monotonic_ns) -> None:
        self._meters = meters
        self._clock_ns = clock_ns
        self._t_ns: List[int] = []
        self._channels: Dict[str, List[Optional[float]]] = {
            channel(source): [] for meter in meters for source in meter.sources
        }
        self.idle_s = plan.idle_s if meters else 0.0
        """How long the idle board is looked at; 0 where nothing can be read."""
        self._idle_until: Optional[float] = None
        self._idle_until_ns: Optional[int] = None
        self._period_s = 1.0 / plan.sample_hz if plan.sample_hz > 0 else 1.0
        self.next_at = math.inf

    def idle(self, now: float) -> Optional[float]:
        """None when the worker may start; else when to look again."""
        if not self._meters:
            return None
        if self._idle_until is None:
            self._slow_down_by_price()
            now = time.monotonic()
            self._idle_until, self.next_at = now + self.idle_s, now
        self.read_if_due(now)
        if now < self._idle_until:
            return min(self.next_at, self._idle_until)
        if self._idle_until_ns is None:
            self._idle_until_ns = self._read()
        return None

    def read_if_due(self, now: float) -> None:
        """Read everything when it is time; chances that were missed are not made up for."""
        if now >= self.next_at:
            self._read()
            missed = max(0, int((time.monotonic() - self.next_at) / self._period_s))
            self.next_at += (missed + 1) * self._period_s

    def finish(self) -> None:
        """One reading more, behind the end of the loop: the window is cut between two readings."""
        if self._meters:
            self._read()

    def merge(self, samples: Samples) -> Samples:
        """The sampler's series and these on one axis; where one of the two did not read, there is None."""
        kept = {name: values for name, values in samples.channels.items() if name not in self._channels}
        rows = [(t_ns, 0, index) for index, t_ns in enumerate(samples.t_ns)]
        rows = sorted(rows + [(t_ns, 1, index) for index, t_ns in enumerate(self._t_ns)])
        channels: Dict[str, List[Optional[float]]] = {}
        for whose, series in ((0, kept), (1, self._channels)):
            for name, values in series.items():
                if any(value is not None for value in values):
                    channels[name] = [values[index] if origin == whose else None for _, origin, index in rows]
        return Samples([row[0] for row in rows], channels)

    def details(self) -> Dict[str, Any]:
        """For `JobResult.details`: where the idle part ends, and what each series covers."""
        sources = [
            dict(source._asdict(), meter=number, channel=channel(source))
            for number, meter in enumerate(self._meters)
            for source in meter.sources
        ]
        return {"idle_until_ns": self._idle_until_ns, "sources": sources}

    def _read(self) -> int:
        began_ns = self._clock_ns()
        readings: Dict[str, float] = {}
        for meter in self._meters:
            found = meter.read()
            readings.update({channel(source): found[source.name] for source in meter.sources if source.name in found})
        middle_ns = (began_ns + self._clock_ns()) // 2
        for name, values in self._channels.items():
            values.append(readings.get(name))
        self._t_ns.append(middle_ns)
        return middle_ns

    def _slow_down_by_price(self) -> None:
        """The first readings of a sensor may wake it, so the cheapest of a few is its price."""
        prices = []
        for _ in range(_PRICE_READINGS):
            began = time.monotonic()
            for meter in self._meters:
                meter.read()
            prices.append(time.monotonic() - began)
        self._period_s = max(self._period_s, min(prices) / _MOST_DUTY)
