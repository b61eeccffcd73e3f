"""What the store gives back: sweeps, runs and devices as they were recorded. Pure types; units are in the names.

Made by `agent.records`: every command starts with them, and `dataclasses` takes a millisecond for each.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from agent.records import dataclass, replace
from orchestrator.purpose import Purpose
from orchestrator.runs import Role, Run, RunStatus
from orchestrator.trust.verdicts import Judgement, Verdict

if TYPE_CHECKING:  # lists of runs are read without the whole protocol: making its types takes 50 ms
    from agent.protocol import Conditions, Facts, Surroundings
    from orchestrator.sweep import Sweep


@dataclass(frozen=True)
class RunSummary:
    """One attempt at one job, without its latencies and samples; the order of the fields is that of exports.

    Figures are None where there is no measurement, or where n does not support them (stats.py).
    `runtime_version` is what ran, or what was asked for where nothing ran.
    `load_ns` and `first_ns` are the loading of the model and the first inference; `cpu_per_wall` is CPU time over
    wall time of the timed loop; `rss_delta_bytes` is the process with the model minus the process with the runtime;
    `reasons` are the codes of the judgement's reasons, separated by spaces. The energy figures are those of a run of
    role energy: joules above the idle board, half the width of the 95 % interval, and what told it.
    """

    job_id: str
    attempt: int
    sweep_id: int
    device: str
    device_kind: str
    model: str
    model_digest: str
    model_format: str
    file_bytes: int
    runtime: str
    runtime_version: str | None
    threads: int
    delegate: str
    options: Mapping[str, Any]
    protocol: str
    block: int
    case_key: str
    status: RunStatus
    message: str
    started: datetime
    finished: datetime
    wall_s: float
    thermal_wait_s: float | None
    steady: bool | None
    n: int | None
    median_ns: float | None
    mean_ns: float | None
    p90_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    p999_ns: int | None
    p90_bound_ns: int | None
    p95_bound_ns: int | None
    p99_bound_ns: int | None
    min_ns: int | None
    max_ns: int | None
    std_ns: float | None
    mad_ns: float | None
    load_ns: int | None
    first_ns: int | None
    cpu_ns_per_inference: float | None
    cpu_per_wall: float | None
    peak_rss_bytes: int | None
    rss_delta_bytes: int | None
    arena_bytes: int | None
    worst_error: float | None
    role: Role
    verdict: Verdict | None
    reasons: str
    energy_j_per_inference: float | None
    energy_uncertainty_j: float | None
    energy_source: str | None


@dataclass(frozen=True)
class StoredRun:
    """One attempt whole: the run with every latency and sample, and its summary."""

    summary: RunSummary
    run: Run
    sweep_name: str
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Progress:
    """Counts of jobs. Every job is in exactly one of ok, failed, skipped and owed; `lost` are those of `owed` that
    were tried."""

    jobs: int
    ok: int
    failed: int
    skipped: int
    owed: int
    lost: int

    @property
    def done(self) -> int:
        return self.jobs - self.owed


@dataclass(frozen=True)
class SweepRecord:
    """A sweep as it was asked for, and how far it is. `version` is that of the dynofarm that made the plan."""

    sweep_id: int
    name: str
    created: datetime
    version: str
    sweep: "Sweep"
    progress: Progress


@dataclass(frozen=True)
class DeviceRecord:
    """What the store knows of a board: nothing but its name until it was reached once.

    `idle_c` is how warm it is when it idles (`idle.py`).
    """

    name: str
    first_seen: datetime | None
    last_seen: datetime | None
    facts: "Facts | None"
    conditions: "Conditions | None"
    idle_c: float | None = None


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list. An empty tuple or None means "any".

    `devices`, `models`, `runtimes`, `versions` and `delegates` are shell-style patterns; `sweep` is an id, a name or
    `last`; an empty `roles` means all jobs, those of the reference model included; `purposes` are those of the sweeps,
    and count only where no `sweep` is named; `since` ≤ start < `until`. Attempts
    that a later one of the same job replaced are left out unless `every_attempt`. `sort` is one of
    `store.filters.SORT_KEYS`; runs without the figure come last either way.
    """

    devices: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    delegates: tuple[str, ...] = ()
    statuses: tuple[RunStatus, ...] = ()
    roles: tuple[Role, ...] = (Role.CASE,)
    purposes: tuple[Purpose, ...] = (Purpose.RESULTS,)
    verdicts: tuple[Verdict, ...] = ()
    sweep: int | str | None = None
    since: datetime | None = None
    until: datetime | None = None
    every_attempt: bool = False
    sort: str = "started"
    descending: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class NoiseRecord:
    """How much a board differs from itself. `floor` is a share: 0.021 means that differences under 2.1 % are noise,
    in a comparison of `runs` runs a side."""

    device: str
    sweep_id: int
    measured: datetime
    model: str
    runs: int
    floor: float
    details: Mapping[str, Any]


@dataclass(frozen=True)
class QuarantineRecord:
    """One time that a board was out of rotation; `released` is None while it is."""

    device: str
    since: datetime
    reason: str
    released: datetime | None = None
    released_why: str | None = None


@dataclass(frozen=True)
class ReferenceRun:
    """One run of the reference model, for the control chart of its board."""

    sweep_id: int
    started: datetime
    median_ns: float
    runtime_version: str | None


@dataclass(frozen=True)
class Circumstances:
    """How a board stood at one run of the reference model."""

    sweep_id: int
    started: datetime
    loop_wall_s: float
    before: "Conditions"
    after: "Conditions"
    surroundings: "Surroundings | None"
    facts: "Facts | None"


class FaultKind(StrEnum):
    """It was there and broke; it could not be made; what came over it was not what was sent; the server hung up before
    it looked at any key, and was tried again at once; a file did not come from the site's relay, and was sent straight.
    """

    LOST = "lost"
    UNREACHABLE = "unreachable"
    CORRUPT = "corrupt"
    DROPPED = "dropped"
    RELAY = "relay"

    @property
    def is_loss(self) -> bool:
        """Was the board out of reach until the next connection?"""
        return self not in (FaultKind.DROPPED, FaultKind.RELAY)


@dataclass(frozen=True)
class LinkFault:
    """One time that a link broke or could not be made. `attempt` counts them since the board last did something for
    the sweep; `what_next` says in words what was done then; `back` is when the board was reached again, and for a file
    that a relay did not give the same moment as `at`."""

    sweep_id: int | None
    device: str
    at: datetime
    kind: FaultKind
    message: str
    what_next: str
    attempt: int
    back: datetime | None = None


@dataclass(frozen=True)
class PowerCycle:
    """One time that the power of a board was switched off and on. `sweep_id` is None where somebody did it by hand.

    `exit_status` is None where the command did not start or did not end in time; `fault` is why it did not do its
    work, in a sentence, empty where it did; `output` is the end of what it said.
    """

    sweep_id: int | None
    device: str
    at: datetime
    holder: str
    command: tuple[str, ...]
    exit_status: int | None
    took_s: float
    fault: str = ""
    output: str = ""


class LeaseKind(StrEnum):
    """What somebody has a board for."""

    RESERVATION = "reservation"
    SWEEP = "sweep"


class Ending(StrEnum):
    """How it ended. Of reservations: given back, ended by somebody else, replaced by its owner, not borne by the board
    because somebody else had reserved it there, over. Of sweeps: all done, the board's part failed, stopped by the
    user, the process died, another orchestrator had the board already."""

    RELEASED = "released"
    FORCED = "forced"
    EXTENDED = "extended"
    REFUSED = "refused"
    EXPIRED = "expired"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    DIED = "died"
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True)
class LeaseRecord:
    """One time that somebody had a board. `owner` is `user@host`.

    A reservation has a `key` that no other has, and ends at `until` at the latest; `told` is when the board itself
    knew of it. A sweep has its number. `ended` is None while it lasts, and where nobody knows when a process died.
    """

    device: str
    kind: LeaseKind
    owner: str
    why: str
    since: datetime
    key: str = ""
    until: datetime | None = None
    told: datetime | None = None
    sweep_id: int | None = None
    ended: datetime | None = None
    ended_by: str | None = None
    ending: Ending | None = None

    def over(self, ended: datetime | None, ending: Ending, by: str | None = None) -> "LeaseRecord":
        """The same, ended."""
        return replace(self, ended=ended, ending=ending, ended_by=by)


@dataclass(frozen=True)
class Lease:
    """The right of one orchestrator to use a board. `token` grows with every lease of the board."""

    device: str
    holder: str
    token: int
    since: datetime


MUTE_AFTER = timedelta(seconds=15)
"""Chosen: whoever runs a sweep looks every second whether it was asked to stop, and a busy disk may take ten more."""


@dataclass(frozen=True)
class Sitting:
    """What one process does for a sweep, from its start or `--resume` to its end. `holder` says who and where.

    `asked` is when somebody asked it to stop, `heard` when it took notice of that. `died`: the process is known to be
    gone and could not write down its end.
    """

    number: int
    sweep_id: int
    holder: str
    since: datetime
    asked: datetime | None = None
    asked_by: str = ""
    heard: datetime | None = None
    ended: datetime | None = None
    died: bool = False

    @property
    def over(self) -> bool:
        return self.ended is not None or self.died

    def is_mute(self, now: datetime) -> bool:
        """Was it asked and did not hear? It is dead then and cannot be seen from here (a container), or it hangs."""
        return not self.over and self.heard is None and self.asked is not None and now - self.asked > MUTE_AFTER
