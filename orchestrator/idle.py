"""How warm a board is when it idles, learnt from its own sensors, and how cool it must be before a job. Pure.

The rules are chosen, not cited; the reason stands with each figure. All temperatures are those of the hottest sensor,
in degrees Celsius, which is also what the gate on the board looks at (`agent/cooling.py`).
"""

from collections.abc import Callable

from agent.protocol import Conditions, JobResult
from orchestrator.devices import Device

MARGIN_C = 5.0
"""Above the idle temperature, and still cool. Sensors of boards step by half a degree to one degree, and an agent that
starts warms a small board by two or three: less would keep cool boards waiting, more would let jobs start uneven."""

CREEP_C_PER_DAY = 2.0
"""A warmer reading may come from the job before, so it counts little at once: ten sweeps in an hour raise the baseline
by less than a tenth of a degree, and a room that warms up in spring is still followed."""

SETTLED_AFTER_BOOT_S = 900.0
"""A board that was switched on just now is colder than it will ever be again: it tells nothing for a quarter of an
hour."""

SETTLED_AFTER_WAIT_S = 300.0
"""A board that idled for five minutes and is still warm has shown what idling means now (a hot room, another load)."""

_DAY_S = 86400.0


def learn_idle_c(known_c: float | None, now: Conditions, since_s: float | None) -> float | None:
    """The idle temperature after the reading at the beginning of a visit, `since_s` seconds after the last one.

    It falls to a lower reading at once, and rises towards a higher one by `CREEP_C_PER_DAY`. None: not known yet.
    """
    reading_c = max(now.temperatures_c.values(), default=None)
    if reading_c is None or (now.uptime_s is not None and now.uptime_s < SETTLED_AFTER_BOOT_S):
        return known_c
    if known_c is None or reading_c <= known_c:
        return reading_c
    days = max(0.0, since_s or 0.0) / _DAY_S
    return min(reading_c, known_c + CREEP_C_PER_DAY * days)


def learn_from_wait(known_c: float | None, result: JobResult) -> float | None:
    """The idle temperature after a job that waited in vain: where it stood after a long wait, it would stand for ever.

    Without this a board that was moved to a warm place would wait out its limit before every job.
    """
    reading_c = max(result.conditions_before.temperatures_c.values(), default=None)
    if reading_c is None or result.details.get("thermal_gate") != "gave up":
        return known_c
    if result.thermal_wait_s < SETTLED_AFTER_WAIT_S:
        return known_c
    return reading_c if known_c is None else max(known_c, reading_c)


def gate_c(device: Device, learnt: Callable[[], float | None]) -> float | None:
    """A job begins at or below this temperature; None: at any. A figure of the profile goes before the baseline, which
    `learnt` looks up where it counts."""
    if device.thermal_start_c is not None or not device.thermal_auto:
        return device.thermal_start_c
    idle_c = learnt()
    return None if idle_c is None else idle_c + MARGIN_C
