"""The time of a simulated farm: the machine's own, or faster.

A farm of speed 20 lives twenty seconds in one of ours. Its orchestrator must then count in the farm's seconds too, or a
frozen board would be noticed twenty times too late: `farm_time` gives the orchestrator's modules such a clock.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FarmClock:
    """Seconds of the farm, from 0."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.monotonic()

    def now(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def real_s(self, farm_s: float) -> float:
        """How long the farm's seconds last here."""
        return farm_s / self.speed

    def sleep(self, farm_s: float) -> None:
        time.sleep(self.real_s(farm_s))

    def event(self) -> threading.Event:
        """An event whose waits are in the farm's seconds."""
        return _FarmEvent(self)


class _FarmEvent(threading.Event):
    def __init__(self, clock: FarmClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else self._clock.real_s(timeout))


class _FarmCondition(threading.Condition):
    def __init__(self, clock: FarmClock, lock: Any = None) -> None:
        super().__init__(lock)
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else self._clock.real_s(timeout))

    def wait_for(self, predicate: Any, timeout: float | None = None) -> Any:
        """Not inherited: it counts by the machine's clock."""
        end = None if timeout is None else self._clock.now() + timeout
        while not (found := predicate()):
            left_s = None if end is None else end - self._clock.now()
            if left_s is not None and left_s <= 0:
                return predicate()
            self.wait(left_s)
        return found


class _FarmTime:
    """Stands where a module had `time`."""

    def __init__(self, clock: FarmClock) -> None:
        self.monotonic = clock.now
        self.sleep = clock.sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class _FarmThreading:
    """Stands where a module had `threading`."""

    def __init__(self, clock: FarmClock) -> None:
        self._clock = clock

    def Event(self) -> threading.Event:
        return self._clock.event()

    def Condition(self, lock: Any = None) -> threading.Condition:
        return _FarmCondition(self._clock, lock)

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


@contextmanager
def farm_time(clock: FarmClock) -> Iterator[None]:
    """Inside, the orchestrator's modules but the store's count in the farm's seconds; what they make keeps to them."""
    if clock.speed == 1.0:
        yield
        return
    standing_in: dict[Any, Any] = {time: _FarmTime(clock), threading: _FarmThreading(clock)}
    changed: list[tuple[Any, str, Any]] = []
    for name, module in list(sys.modules.items()):
        if name.startswith("orchestrator.") and not name.startswith("orchestrator.store"):
            for attribute, real in (("time", time), ("threading", threading)):
                if getattr(module, attribute, None) is real:
                    changed.append((module, attribute, real))
    try:
        for module, attribute, real in changed:
            setattr(module, attribute, standing_in[real])
        yield
    finally:
        for module, attribute, real in changed:
            setattr(module, attribute, real)
