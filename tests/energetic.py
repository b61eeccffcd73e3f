"""A made-up board with meters: ten idle seconds, three of loading, a loop of four, half a second more."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.protocol import JobResult, Samples
from tests.making import make_result

LOOP_START_NS = 10**12
LOOP_NS = 4_000_000_000
INFERENCES = 100
IDLE_S, EVERY_S = 10.0, 0.1
IDLE_UNTIL_NS = LOOP_START_NS - 3_000_000_000
AXIS_NS = [IDLE_UNTIL_NS - int(IDLE_S * 1e9) + index * int(EVERY_S * 1e9) for index in range(175)]


def source(name: str, **changes: Any) -> dict[str, Any]:
    unit = changes.get("unit", "w")
    values = {
        "name": name,
        "unit": unit,
        "scope": "part",
        "covers": "something",
        "adds": "",
        "step": 0.0,
        "lag_s": 0.0,
        "wraps_at_j": None,
        "channel": ("power_w:" if unit == "w" else "energy_j:") + name,
        "meter": 0,
    }
    return values | changes


def levels(idle_w: float, loop_w: float) -> list[float]:
    """The idle level until the worker starts, the other from then on."""
    return [idle_w if t_ns <= IDLE_UNTIL_NS else loop_w for t_ns in AXIS_NS]


def counts(idle_w: float, loop_w: float, start_j: float = 0.0, wraps_at_j: float = math.inf) -> list[float]:
    total, readings = start_j, []
    for watts in levels(idle_w, loop_w):
        readings.append(total % wraps_at_j)
        total += watts * EVERY_S
    return readings


def result_of(
    sources: Sequence[Mapping[str, Any]], channels: Mapping[str, Sequence[float | None]], **changes: Any
) -> JobResult:
    result = make_result(latencies_ns=[40_000_000] * INFERENCES)
    timing = replace(result.timing, loop_start_ns=LOOP_START_NS, loop_wall_ns=LOOP_NS)
    details = {"energy": {"idle_until_ns": IDLE_UNTIL_NS, "sources": list(sources)}}
    series = {name: list(values) for name, values in channels.items()}
    values = {"timing": timing, "details": details, "samples": Samples(AXIS_NS, series)}
    return replace(result, **(values | changes))
