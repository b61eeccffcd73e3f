"""A sweep from end to end: reach the boards, plan, store the plan, run it. What the command line and scripts call."""

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from orchestrator.assignment import TaskChoice
from orchestrator.breaker import USUAL, Limits
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.claims import Claim, holder, myself
from orchestrator.devices import Device
from orchestrator.errors import BoardError, DynofarmError, UsageError
from orchestrator.events import Event, Noted
from orchestrator.farm import Farm
from orchestrator.heavy import many_threads
from orchestrator.judging import judge_sweep
from orchestrator.ledger import PatientLedger
from orchestrator.links import Keeper, Link
from orchestrator.machines import MachineTurn
from orchestrator.models import Model
from orchestrator.plan import plan, reference_job
from orchestrator.power_cycle import switch_power
from orchestrator.reference_model import reference_model
from orchestrator.relays import Relays, find_relays
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.runtimes import objection
from orchestrator.schedule import Power, Tools, muster, run_sweep
from orchestrator.sittings import Listener
from orchestrator.stats import prepare
from orchestrator.store import Store
from orchestrator.store.faults import Patience
from orchestrator.supply import Supply
from orchestrator.sweep import Sweep
from orchestrator.tasks.preparing import Prepared
from orchestrator.tasks.preparing import prepare as prepare_task
from orchestrator.tenancy import Claims, Tenancy, note_told
from orchestrator.transport.connect import connect

log = logging.getLogger(__name__)

NO_PROFILE = "it has no profile any more; to have its jobs measured: dynofarm device add …"


class Audience(Protocol):
    """Who is told what happens (`cli.display.Display`)."""

    def notify(self, event: Event) -> None: ...

    def expect(self, jobs: Sequence[Job]) -> None: ...

    def stop_asked(self, by: str) -> None: ...


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
    """A farm and its store, ready to run sweeps on devices.

    `power_cycle`: boards that hang may be switched off and on, once a sweep, where their profile says how; `limits`
    say how long a board is run after that was lost or never reached.
    """

    def __init__(
        self,
        farm: Farm,
        store: Store,
        audience: Audience,
        stop: threading.Event,
        lock_wait_s: float = 0.0,
        *,
        power_cycle: bool = False,
        limits: Limits = USUAL,
    ) -> None:
        self._farm = farm
        self._store = store
        self._audience = audience
        self._stop = stop
        self._lock_wait_s = lock_wait_s
        self._power_cycle = power_cycle
        self._limits = limits
        self._patience = Patience(stop)

    def launch(self, sweep: Sweep, models: Sequence[Model], devices: Sequence[Device]) -> Outcome:
        """Run a new sweep. Boards that cannot be reached are tried again while the others measure, and keep what is
        left of their jobs owed."""
        reference = reference_model() if sweep.reference else None
        work = prepare_task(sweep.task, models, self._farm.cache) if sweep.task is not None else Prepared()
        supplied = [*models, reference] if reference is not None else list(models)

        def planned(links: Sequence[Link]) -> tuple[int, list[Job]]:
            facts = self._store.last_facts() | {link.device.name: link.facts for link in links if link.facts}
            jobs = plan(sweep, models, devices, facts, objection, new_job_id, reference, work.by_model)
            if not jobs:
                raise UsageError(
                    "the sweep plans no job at all: its exclusions leave nothing",
                    "look at it with: dynofarm run --dry-run …",
                )
            self._store.keep_answer_keys(work.keys)
            return self._store.create_sweep(sweep, jobs, supplied, datetime.now(UTC)), jobs

        with self._listener() as listener:
            return self._run(devices, supplied, planned, work.files, listener)

    def resume(self, sweep_id: int, devices: Sequence[Device], left_out: Collection[str] = ()) -> Outcome:
        """Go on with the jobs of a sweep that have no final run; those of the boards left out stay owed.

        So do those of boards that have no profile any more, each of which is told. `UsageError` where no other is left.
        """
        wanted = {job.device for job in self._store.owed_jobs(sweep_id)}.difference(left_out)
        gone = without_profile(sweep_id, wanted, devices)
        for name in gone:
            self._audience.notify(Noted(name, f"left out: {NO_PROFILE}"))
        out = {*left_out, *gone}
        self._look_again(sweep_id, [device for device in devices if device.name not in out])
        jobs = [job for job in self._store.owed_jobs(sweep_id) if job.device not in out]
        reference = reference_model()
        digests = sorted({job.model_digest for job in jobs} - {reference.digest})
        models = [reference, *(self._store.model(digest) for digest in digests)]
        chosen = [device for device in devices if device.name in wanted]
        task = self._store.sweep(sweep_id).sweep.task
        owed = [model for model in models if any(job.task and job.model_digest == model.digest for job in jobs)]
        files = self._files_of(task, owed) if task is not None and owed else {}
        with self._listener() as listener:
            listener.begin(sweep_id)
            return self._run(chosen, models, lambda _links: (sweep_id, jobs), files, listener)

    def _listener(self) -> Listener:
        return Listener(self._store, holder(), self._stop, self._audience.stop_asked)

    def _files_of(self, task: TaskChoice, models: Sequence[Model]) -> Mapping[str, Path]:
        """Of work that is owed; nothing where it cannot be made any more: those jobs are skipped then, with a reason,
        and the others are not kept waiting for it."""
        try:
            return prepare_task(task, models, self._farm.cache).files
        except DynofarmError as error:
            log.warning("the data set %s cannot be had: %s", task.data, error.message)
            return {}

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
        task_files: Mapping[str, Path],
        listener: Listener,
    ) -> Outcome:
        stay = Tenancy(self._store, holder(), self._audience.notify)

        def notify(event: Event) -> None:
            self._patience(partial(stay.notify, event))  # of a board that is reached late the store hears then

        links = open_links(self._farm, devices, notify, self._stop, Claims(self._store))
        failures: dict[str, BoardError] = {}
        # While the boards start their agents we have nothing else to do.
        threading.Thread(target=prepare, name="numpy").start()
        relays = self._relays(links, notify)
        with stay, many_threads(len(links)), Keeper([*links, *relays.guests]):
            try:
                # Nobody waits here for a board that another one holds: its own thread does that, later.
                muster(links, 0.0, failures.__setitem__, self._stop, self._farm.settings.connections)
                self._remember(links)
                sweep_id, jobs = planned(links)
                listener.begin(sweep_id)
                stay.begin(sweep_id)
                note_told(self._store, links)
                self._audience.expect(jobs)
                tools = self._tools(sweep_id, models, notify, relays, task_files)
                run_sweep(links, jobs, tools, self._lock_wait_s, failures)
            finally:
                relays.close(politely=not self._stop.is_set())
                for link in links:
                    link.close(politely=not self._stop.is_set())
        unjudged = self._judge(sweep_id)
        return Outcome(
            sweep_id,
            counts=self._store.status_counts(sweep_id),
            owed=sum(job.asked_for for job in self._store.owed_jobs(sweep_id)),
            reached=any(link.facts is not None for link in links) or not links,
            stopped=self._stop.is_set(),
            unjudged=unjudged,
        )

    def _relays(self, links: Sequence[Link], notify: Callable[[Event], None]) -> Relays:
        """Boards that hold files for their neighbours, in the sweep or not; what those say is nobody's concern."""
        from orchestrator.profiles import load_profiles

        return find_relays(
            links,
            partial(load_profiles, self._farm.profiles),
            lambda guests: open_links(self._farm, guests, lambda _event: None, self._stop, Claims(self._store)),
            notify,
        )

    def _tools(
        self,
        sweep_id: int,
        models: Sequence[Model],
        notify: Callable[[Event], None],
        relays: Relays,
        task_files: Mapping[str, Path],
    ) -> Tools:
        power = None
        if self._power_cycle:
            spent = {cycle.device for cycle in self._store.power_cycles(sweep_id)}
            power = Power(partial(switch_power, holder=holder(), sweep_id=sweep_id), spent)
        shelf = CarrierShelf(self._farm.cache)
        bring, settings = relays.bring, self._farm.settings
        supply = Supply(models, shelf, notify, self._store.idle_c, bring, settings, task_files=task_files)
        ledger = PatientLedger(self._store, self._patience)
        machine = partial(MachineTurn, self._farm.database, holder=holder())
        return Tools(ledger, supply, notify, self._stop, sweep_id, self._limits, power, relays=relays, machine=machine)

    def _judge(self, sweep_id: int) -> str:
        """Now that the neighbours of every run are known; why not, where that fails: what was measured is stored."""
        try:
            self._patience(partial(judge_sweep, self._store, sweep_id))
        except DynofarmError as error:
            return error.message
        except Exception as fault:  # of a rule, which can be mended and applied later
            log.exception("sweep %d cannot be judged", sweep_id)
            return f"{type(fault).__name__}: {fault}"
        return ""

    def _remember(self, links: Sequence[Link]) -> None:
        visits = {
            link.device.name: (link.facts, link.conditions)
            for link in links
            if link.facts is not None and link.conditions is not None
        }
        if visits:
            self._store.remember_visits(visits, datetime.now(UTC))


def without_profile(sweep_id: int, wanted: Collection[str], devices: Sequence[Device]) -> list[str]:
    """Those of the boards with owed jobs that were removed from the farm. `UsageError` when all of them were."""
    gone = sorted(set(wanted) - {device.name for device in devices})
    if gone and len(gone) == len(set(wanted)):
        raise UsageError(
            f"sweep {sweep_id} has jobs for boards that have no profile any more: {', '.join(gone)}",
            "add them again: dynofarm device add …",
        )
    return gone


def open_links(
    farm: Farm,
    devices: Sequence[Device],
    notify: Callable[[Event], None],
    stop: threading.Event,
    claims: Callable[[str], Claim] | None = None,
) -> list[Link]:
    """A link for every device, not connected yet; so many of them may connect at once.

    `claims` is what a board is told, each time that it is reached, about whose visit it is.
    """
    archive = agent_zipapp()
    connector = partial(connect, known_hosts=farm.known_hosts)
    slots = threading.Semaphore(farm.settings.connections)
    said = claims or (lambda _device: Claim(myself()))
    return [Link(device, connector, archive, holder(), notify, stop, slots, said) for device in devices]


def new_job_id() -> str:
    """A name that no other orchestrator gives: it also names the result in the board's spool."""
    return uuid.uuid4().hex
