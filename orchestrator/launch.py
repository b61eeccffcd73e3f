"""A sweep from end to end: reach the boards, plan, store the plan, run it. What the command line and scripts call."""

import getpass
import logging
import os
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.errors import BoardError, DynofarmError, UsageError
from orchestrator.events import BoardFailed, Event
from orchestrator.farm import Farm
from orchestrator.judging import judge_sweep
from orchestrator.links import Keeper, Link
from orchestrator.models import Model
from orchestrator.plan import plan, reference_job
from orchestrator.reference_model import reference_model
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.runtimes import objection
from orchestrator.schedule import Tools, muster, run_sweep
from orchestrator.stats import prepare
from orchestrator.store import Store
from orchestrator.supply import Supply
from orchestrator.sweep import Sweep
from orchestrator.transport.connect import connect

log = logging.getLogger(__name__)


class Audience(Protocol):
    """Who is told what happens (`cli.display.Display`)."""

    def notify(self, event: Event) -> None: ...

    def expect(self, jobs: Sequence[Job]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What came of a sweep so far: jobs by status, and how many are still owed, those of the reference model apart.

    `reached` says whether any board could be reached, `stopped` whether the user asked to stop; `unjudged` is why the
    runs could not be judged together at the end, or empty.
    """

    sweep_id: int
    counts: dict[RunStatus, int]
    owed: int
    reached: bool = True
    stopped: bool = False
    unjudged: str = ""

    @property
    def exit_code(self) -> int:
        """0 all measured (or skipped with a reason), 1 something failed or is owed, 4 no board was reached, 130
        stopped by the user."""
        if self.stopped:
            return 130
        if not self.reached:
            return 4
        bad = sum(count for status, count in self.counts.items() if status not in (RunStatus.OK, RunStatus.SKIPPED))
        return 1 if bad or self.owed else 0


class Launcher:
    """A farm and its store, ready to run sweeps on devices."""

    def __init__(
        self, farm: Farm, store: Store, audience: Audience, stop: threading.Event, lock_wait_s: float = 0.0
    ) -> None:
        self._farm = farm
        self._store = store
        self._audience = audience
        self._stop = stop
        self._lock_wait_s = lock_wait_s

    def launch(self, sweep: Sweep, models: Sequence[Model], devices: Sequence[Device]) -> Outcome:
        """Run a new sweep. Boards that cannot be reached keep their jobs owed; the others go on."""
        reference = reference_model() if sweep.reference else None
        supplied = [*models, reference] if reference is not None else list(models)

        def planned(links: Sequence[Link]) -> tuple[int, list[Job]]:
            facts = self._store.last_facts() | {link.device.name: link.facts for link in links if link.facts}
            jobs = plan(sweep, models, devices, facts, objection, new_job_id, reference)
            if not jobs:
                raise UsageError(
                    "the sweep plans no job at all: its exclusions leave nothing",
                    "look at it with: dynofarm run --dry-run …",
                )
            return self._store.create_sweep(sweep, jobs, supplied, datetime.now(UTC)), jobs

        return self._run(devices, supplied, planned)

    def resume(self, sweep_id: int, devices: Sequence[Device], left_out: Collection[str] = ()) -> Outcome:
        """Go on with the jobs of a sweep that have no final run; those of the boards left out stay owed."""
        self._look_again(sweep_id, [device for device in devices if device.name not in left_out])
        jobs = [job for job in self._store.owed_jobs(sweep_id) if job.device not in left_out]
        reference = reference_model()
        digests = sorted({job.model_digest for job in jobs} - {reference.digest})
        models = [reference, *(self._store.model(digest) for digest in digests)]
        wanted = {job.device for job in jobs}
        missing = sorted(wanted - {device.name for device in devices})
        if missing:
            raise UsageError(
                f"sweep {sweep_id} has jobs for boards that have no profile any more: {', '.join(missing)}",
                "add them again: dynofarm device add …",
            )
        chosen = [device for device in devices if device.name in wanted]
        return self._run(chosen, models, lambda _links: (sweep_id, jobs))

    def _look_again(self, sweep_id: int, devices: Sequence[Device]) -> None:
        """Time went by since the last reference runs, and boards may have changed: look at each before it goes on."""
        sweep = self._store.sweep(sweep_id).sweep
        if not sweep.reference:
            return
        known, facts = {device.name: device for device in devices}, self._store.last_facts()
        first: dict[str, Job] = {}
        for job in self._store.owed_jobs(sweep_id):
            first.setdefault(job.device, job)
        again = [
            reference_job(sweep, reference_model(), known[name], facts.get(name), objection, job.block, new_job_id())
            for name, job in first.items()
            if name in known and job.role is not Role.REFERENCE
        ]
        self._store.add_jobs(sweep_id, [job for job in again if job.skip_reason is None], [reference_model()])

    def _run(
        self,
        devices: Sequence[Device],
        models: Sequence[Model],
        planned: Callable[[Sequence[Link]], tuple[int, list[Job]]],
    ) -> Outcome:
        links = open_links(self._farm, devices, self._audience.notify, self._stop)
        failures: dict[str, BoardError] = {}
        # While the boards start their agents we have nothing else to do.
        threading.Thread(target=prepare, name="numpy").start()
        with Keeper(links):
            try:
                muster(links, self._lock_wait_s, failures.__setitem__, self._stop)
                self._remember(links)
                sweep_id, jobs = planned(links)
                self._audience.expect(jobs)
                self._report(failures, jobs)
                tools = Tools(
                    self._store,
                    Supply(models, CarrierShelf(self._farm.cache), self._audience.notify, self._store.idle_c),
                    self._audience.notify,
                    self._stop,
                )
                able = [link for link in links if link.device.name not in failures]
                run_sweep(able, jobs, tools, self._lock_wait_s)
            finally:
                for link in links:
                    link.close(politely=not self._stop.is_set())
        unjudged = self._judge(sweep_id)
        return Outcome(
            sweep_id,
            counts=self._store.status_counts(sweep_id),
            owed=sum(job.asked_for for job in self._store.owed_jobs(sweep_id)),
            reached=len(failures) < len(links) or not links,
            stopped=self._stop.is_set(),
            unjudged=unjudged,
        )

    def _judge(self, sweep_id: int) -> str:
        """Now that the neighbours of every run are known; why not, where that fails: what was measured is stored."""
        try:
            judge_sweep(self._store, sweep_id)
        except DynofarmError as error:
            return error.message
        except Exception as fault:  # of a rule, which can be mended and applied later
            log.exception("sweep %d cannot be judged", sweep_id)
            return f"{type(fault).__name__}: {fault}"
        return ""

    def _remember(self, links: Sequence[Link]) -> None:
        for link in links:
            if link.facts is not None and link.conditions is not None:
                self._store.remember_facts(link.device.name, link.facts, link.conditions, datetime.now(UTC))

    def _report(self, failures: dict[str, BoardError], jobs: Sequence[Job]) -> None:
        owed = Counter(job.device for job in jobs if job.skip_reason is None and job.asked_for)
        for name, error in failures.items():
            self._audience.notify(BoardFailed(name, error.message, error.hint, owed[name]))


def open_links(
    farm: Farm, devices: Sequence[Device], notify: Callable[[Event], None], stop: threading.Event
) -> list[Link]:
    """A link for every device, not connected yet."""
    archive = agent_zipapp()
    connector = partial(connect, known_hosts=farm.known_hosts)
    return [Link(device, connector, archive, holder(), notify, stop) for device in devices]


def holder() -> str:
    """Who asks, for the board's lock: a colleague who meets it must know whom to ask."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} (dynofarm, process {os.getpid()})"


def new_job_id() -> str:
    """A name that no other orchestrator gives: it also names the result in the board's spool."""
    return uuid.uuid4().hex
