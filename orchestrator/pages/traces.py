"""What one run tells beside its summary: its latencies, and how warm and how fast the board was. Pure."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.records import RunSummary, StoredRun

if TYPE_CHECKING:
    from agent.protocol import Conditions

NS = 1e-9

Reading = tuple[float, float | None]


@dataclass(frozen=True)
class Trace:
    """`began_s` and `ended_s` count from the sweep's first run, and so do the moments of `temp_c` and `clock_khz`.

    The board's clock is not ours: its readings are placed so that the last one stands where the run ended.
    `latencies_ns` are unsigned 64-bit, in order of measurement.
    """

    summary: RunSummary
    began_s: float
    ended_s: float
    latencies_ns: "array[int]"
    temp_c: tuple[Reading, ...]
    clock_khz: tuple[Reading, ...]
    before: "Conditions"
    after: "Conditions"
    thermal_gate: str
    nominal_clock_khz: int | None


def trace_of(stored: StoredRun, began: datetime) -> Trace:
    """`began` is the moment from which seconds count. Only for runs with a result."""
    run, result = stored.run, stored.run.result
    if result is None:
        raise ValueError("a run without a result has no trace")
    ended_s = (run.finished - began).total_seconds()
    return Trace(
        summary=stored.summary,
        began_s=(run.started - began).total_seconds(),
        ended_s=ended_s,
        latencies_ns=array("Q", result.timing.latencies_ns),
        temp_c=_placed(result.samples.t_ns, result.samples.channels.get("temp_c", ()), ended_s),
        clock_khz=_placed(result.samples.t_ns, result.samples.channels.get("clock_khz", ()), ended_s),
        before=result.conditions_before,
        after=result.conditions_after,
        thermal_gate=str(result.details.get("thermal_gate", "")),
        nominal_clock_khz=run.facts.nominal_clock_khz if run.facts else None,
    )


def _placed(times_ns: Sequence[int], values: Sequence[float | None], ended_s: float) -> tuple[Reading, ...]:
    if not times_ns or all(value is None for value in values):
        return ()
    last = times_ns[-1]
    return tuple((ended_s - (last - at) * NS, value) for at, value in zip(times_ns, values, strict=False))
