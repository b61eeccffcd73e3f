"""Boards for tests of the schedule: no agent, no network, no database; each does what its script says."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from agent.protocol import Conditions, Facts, JobFailure, JobResult
from orchestrator.breaker import Limits
from orchestrator.devices import Device
from orchestrator.errors import BoardError, BoardLost, BoardReserved, RuntimeUnavailable
from orchestrator.events import Event
from orchestrator.links import Link
from orchestrator.records import LinkFault, PowerCycle
from orchestrator.runs import Job, Run
from orchestrator.schedule import Power, Tools, run_sweep
from orchestrator.supply import Supply
from tests.making import make_conditions, make_facts, make_job, make_result

HASTY = Limits(first_s=0.001, longest_s=0.01, attempts=8, patience_s=60.0)

Step = Callable[["FakeLink"], None]


class FakeLink:
    """A link whose openings and jobs follow scripts: an error is raised, a function called, None goes well; beyond
    the script all goes well."""

    def __init__(
        self,
        name: str,
        opens: Sequence[BoardError | Step | None] = (),
        runs: Sequence[BoardError | Step | None] = (),
        **changes: Any,
    ) -> None:
        self.device = Device(name, host=name, **changes)
        self.facts: Facts | None = None
        self.conditions: Conditions | None = None
        self.session: FakeLink | None = None
        self.opened = 0
        self.drops: list[LinkFault] = []
        self.reserved_by: Sequence[BoardReserved | None] = ()
        """What the store says each time that it is asked; the last for good."""
        self.patience_s: list[float] = []
        self.diary: list[str] = []
        self.details: dict[str, Any] = {}
        self.spool: list[JobResult | JobFailure] = []
        self._opens, self._runs = list(opens), list(runs)

    def open(self, lock_wait_s: float) -> "FakeLink":
        if self.session is None:
            self.opened += 1
            self.patience_s.append(lock_wait_s)
            self._follow(self._opens)
            self.facts, self.conditions, self.session = make_facts(), make_conditions(), self
        return self

    def close(self, *, politely: bool) -> None:
        self.session = None

    def kept_out(self) -> BoardReserved | None:
        said, *rest = self.reserved_by or [None]
        self.reserved_by = rest or [said]
        return said

    def take_drops(self, _sweep_id: int | None, attempts: int) -> list[LinkFault]:
        drops, self.drops = self.drops, []
        return [replace(fault, attempt=attempts + number) for number, fault in enumerate(drops, 1)]

    def collect(self) -> list[JobResult | JobFailure]:
        spool, self.spool = self.spool, []
        return spool

    def order(self, order: Job) -> None:
        self.diary.append(f"order {order.job_id}")

    def outcome(self, order: Job, _note: object) -> JobResult:
        self._follow(self._runs)
        self.diary.append(f"result {order.job_id}")
        return make_result(order.job_id, details=self.details)

    def acknowledge(self, job_id: str) -> None:
        self.diary.append(f"acknowledge {job_id}")

    def _follow(self, script: "list[BoardError | Step | None]") -> None:
        step = script.pop(0) if script else None
        if isinstance(step, BoardError):
            raise step
        if step is not None:
            step(self)


class FakeSupply:
    """Whatever a job needs is there already, but for the jobs in `lacks`, and for those in `missing` it cannot be had.
    `lacks`: the bytes of each push; the link breaks in all but the last."""

    def __init__(self, lacks: Mapping[str, Sequence[int]], missing: Sequence[str] = ()) -> None:
        self._lacks, self._missing = {job_id: list(sizes) for job_id, sizes in lacks.items()}, missing

    def outfit(
        self, _session: object, _facts: Facts, job: Job, _needed: Sequence[Job], before_sending: Callable[[int], None]
    ) -> Job:
        if job.job_id in self._missing:
            raise RuntimeUnavailable("litert cannot be fetched now", "try again later")
        sizes = self._lacks.get(job.job_id)
        if sizes:
            before_sending(sizes.pop(0))
            if sizes:
                raise BoardLost(job.device, "the link broke in the middle of a push")
        return job


@dataclass
class FakeLedger:
    """Keeps everything in lists."""

    planned: dict[str, Job] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    faults: list[LinkFault] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    failed_before: set[str] = field(default_factory=set)
    begun: list[PowerCycle] = field(default_factory=list)
    switched_elsewhere: set[str] = field(default_factory=set)
    """Boards that another process switched off and on since this one began."""
    cycles: list[PowerCycle] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    diaries: list[list[str]] = field(default_factory=list)
    """Of the boards, which write down when something was saved."""
    asked: list[list[str]] = field(default_factory=list)
    """The jobs of each question for what is still owed."""
    done_elsewhere: set[str] = field(default_factory=set)

    def job(self, job_id: str) -> Job | None:
        return self.planned.get(job_id)

    def planned_at(self, _job_id: str) -> datetime | None:
        return None

    def still_owed(self, job_ids: Sequence[str]) -> set[str]:
        self.asked.append(list(job_ids))
        return set(job_ids) - self.done_elsewhere

    def save_run(self, run: Run) -> bool:
        self.runs.append(run)
        for diary in self.diaries:
            diary.append(f"save {run.job.job_id}")
        return True

    def is_old_failure(self, run: Run) -> bool:
        return run.job.job_id in self.failed_before

    def remember_facts(self, device: str, _facts: Facts, _conditions: Conditions, _at: datetime) -> None:
        self.remembered.append(device)

    def note_fault(self, fault: LinkFault) -> None:
        self.faults.append(fault)

    def note_back(self, _sweep_id: int | None, device: str, _at: datetime) -> None:
        self.back.append(device)

    def begin_power_cycle(self, cycle: PowerCycle) -> bool:
        self.begun.append(cycle)
        return cycle.device not in self.switched_elsewhere

    def end_power_cycle(self, cycle: PowerCycle) -> None:
        self.cycles.append(cycle)


@dataclass
class Stage:
    """A sweep of fakes."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    heard: list[Event] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    limits: Limits = HASTY
    power: Power | None = None
    lacks: dict[str, list[int]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def play(self, *links: FakeLink, jobs: int = 1, lock_wait_s: float = 0.0) -> None:
        """Muster as a launch does, and run `jobs` jobs on every board."""
        missed: dict[str, BoardError] = {}
        for link in links:
            try:
                link.open(0.0)
            except BoardError as error:
                missed[link.device.name] = error
        planned = [
            make_job(f"{link.device.name}-{number}", device=link.device.name)
            for number in range(jobs)
            for link in links
        ]
        self.ledger.planned = {job.job_id: job for job in planned}
        supply = cast("Supply", FakeSupply(self.lacks, self.missing))
        tools = Tools(self.ledger, supply, self.heard.append, self.stop, 7, self.limits, self.power)
        run_sweep(cast("list[Link]", list(links)), planned, tools, lock_wait_s, missed)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]

    @property
    def outcomes(self) -> dict[str, list[str]]:
        """What became of the jobs of each board, in order."""
        found: dict[str, list[str]] = defaultdict(list)
        for run in self.ledger.runs:
            found[run.job.device].append(str(run.status))
        return dict(found)
