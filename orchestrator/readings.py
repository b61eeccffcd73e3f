"""What was measured one by one in a run, as the store gives it back for exports. Pure types."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Of which run the values are; with `job_id` and `attempt` they find their row in the table of runs."""

    job_id: str
    attempt: int
    sweep_id: int
    device: str
    model: str


@dataclass(frozen=True)
class Latencies:
    """Every latency of a run, in order."""

    origin: Origin
    latencies_ns: Sequence[int]


@dataclass(frozen=True)
class Readings:
    """Every reading of one sensor's channel during a run, and when, on the board's monotonic clock. NaN: none."""

    origin: Origin
    channel: str
    t_ns: Sequence[int]
    values: Sequence[float | None]
