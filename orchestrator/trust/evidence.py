"""What the rules look at, and nothing else: a stored run, and what other runs tell of its board. Pure."""

import math
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reasons are put into words without the whole protocol: making its types takes 50 ms
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.protocol import JobResult, Surroundings
    from orchestrator.runs import Run


@dataclass(frozen=True)
class Glance:
    """One run of the reference model: its median, and whether the board had moved from its usual speed by then."""

    median_ns: float
    moved: bool


@dataclass(frozen=True)
class Neighbour:
    """A run of another board of the same machine at the same time."""

    device: str
    overlap_s: float


@dataclass(frozen=True)
class Context:
    """What other runs tell of the board around this one; empty while nothing is known of them yet.

    `before` and `after` are the nearest runs of the reference model on the board in the same sweep, `usual_ns` is the
    median of all of them (of the other one, where there are two). `restless`: how far the reference model goes to and
    fro on this board from run to run, a share (`restlessness.py`); None where too few tell.
    """

    before: Glance | None = None
    after: Glance | None = None
    usual_ns: float | None = None
    restless: float | None = None
    neighbours: tuple[Neighbour, ...] = ()


NOTHING_KNOWN = Context()


@dataclass(frozen=True)
class Evidence:
    """One measured run, and its context."""

    run: "Run"
    result: "JobResult"
    context: Context

    @cached_property
    def surroundings(self) -> "Surroundings":
        """All None for runs of a dynofarm that did not look."""
        from agent.protocol import Surroundings

        return self.result.surroundings or Surroundings()

    @property
    def wall_s(self) -> float:
        """How long the timed loop took."""
        return self.result.timing.loop_wall_ns / 1e9

    @cached_property
    def latencies_ns(self) -> "Sequence[int] | NDArray[Any]":
        """Those of the timed loop, looked at once for all rules."""
        import numpy as np

        given = self.result.timing.latencies_ns
        try:
            return np.frombuffer(array("Q", given), dtype=np.uint64).astype(np.float64)
        except OverflowError:  # a broken agent's
            return given

    @cached_property
    def cpus(self) -> int | None:
        """Processors that the worker could use, as far as anything tells."""
        pinned = self.result.details.get("cpus")
        if isinstance(pinned, list) and pinned:
            return len(pinned)
        facts = self.run.facts
        return None if facts is None else len(facts.usable_cpus) or facts.cores or None

    def readings(self, channel: str) -> list[float]:
        """What a sensor told while the clock ran."""
        values = self.result.samples.channels.get(channel, [])
        return [
            value
            for value, inside in zip(values, self._inside, strict=False)
            if inside and value is not None and math.isfinite(value)
        ]

    def share(self, seconds: float | None) -> float | None:
        """Of the loop's wall time; None where either is not known."""
        return None if seconds is None or self.wall_s <= 0 or not math.isfinite(seconds) else seconds / self.wall_s

    @cached_property
    def _inside(self) -> list[bool]:
        timing = self.result.timing
        end_ns = timing.loop_start_ns + timing.loop_wall_ns
        return [timing.loop_start_ns <= t_ns <= end_ns for t_ns in self.result.samples.t_ns]
