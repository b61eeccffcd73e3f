"""Whether a board is well: its reference runs as visits on a control chart, and what they say in a sentence. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from orchestrator.health.control_chart import LEARNING, Reading, follow, percent
from orchestrator.records import ReferenceRun

A_VISIT_ENDS_AFTER = timedelta(hours=1)
"""Reference runs of one sweep that lie this far apart are two visits: the board had time to change."""


class State(StrEnum):
    """`learning`: too little history to say. `moved`: it has left what is usual for it. `unseen`: no run of it now."""

    WELL = "well"
    LEARNING = "learning"
    MOVED = "moved"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Visit:
    """One look at a board: the median of its reference runs then."""

    sweep_id: int
    started: datetime
    median_ns: float
    runs: int


@dataclass(frozen=True)
class Health:
    """How a board stands. Shares are of the usual latency: 0.12 is 12 % slower.

    `visits` is how many looks the limits come from, `needed` how many they take before they say anything; `change` is
    that of the newest look, `limit` what a look may differ by; `moved` and `since` tell how far and since when a board
    stands elsewhere, `last_well` the look before that; `why` is what else changed, or why there is no look.
    """

    device: str
    state: State
    visits: int = 0
    needed: int = LEARNING
    latency_ns: float | None = None
    usual_ns: float | None = None
    change: float | None = None
    limit: float | None = None
    moved: float | None = None
    since: datetime | None = None
    last_well: datetime | None = None
    why: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For a board that has moved: `12 % slow since Tuesday 2026-11-03; under-voltage seen`."""
        if self.moved is None or self.since is None:
            return ""
        way = "slow" if self.moved > 0 else "fast"
        told = f"{abs(self.moved) * 100:.0f} % {way} since {self.since.astimezone():%A %Y-%m-%d}"
        return "; ".join([told, *self.why])


def visits_of(runs: Sequence[ReferenceRun]) -> list[Visit]:
    """Runs in order of time as visits. Only those under the runtime's newest version: another one is another speed."""
    visits: list[list[ReferenceRun]] = []
    for run in runs:
        if run.runtime_version != runs[-1].runtime_version:
            continue
        last = visits[-1][-1] if visits else None
        if last and last.sweep_id == run.sweep_id and run.started - last.started < A_VISIT_ENDS_AFTER:
            visits[-1].append(run)
        else:
            visits.append([run])
    return [
        Visit(some[0].sweep_id, some[0].started, median(run.median_ns for run in some), len(some))
        for some in visits
    ]  # fmt: skip


def chart(visits: Sequence[Visit], releases: Sequence[datetime]) -> Reading:
    """The control chart of a board; each release from quarantine lets it begin anew, within the same limits."""
    restarts = [sum(visit.started < released for visit in visits) for released in releases]
    return follow([math.log(visit.median_ns) for visit in visits], restarts)


def health_of(device: str, visits: Sequence[Visit], reading: Reading, why: Sequence[str] = ()) -> Health:
    """What a chart says of a board, in shares of its usual latency."""
    if reading.centre is None or reading.shift is None or reading.limit is None:
        newest = visits[-1].median_ns if visits else None
        return Health(device, State.LEARNING, reading.visits, latency_ns=newest)
    onset = reading.onset
    return Health(
        device,
        State.MOVED if reading.out else State.WELL,
        reading.visits,
        latency_ns=visits[-1].median_ns,
        usual_ns=math.exp(reading.centre),
        change=percent(reading.shift) / 100,
        limit=percent(reading.limit) / 100,
        moved=percent(reading.moved) / 100 if reading.moved is not None else None,
        since=visits[onset].started if onset is not None else None,
        last_well=visits[onset - 1].started if onset else None,
        why=tuple(why),
    )
