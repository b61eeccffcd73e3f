"""Two models that take turns on one board: connect, bring what both need, play some duets, leave."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.protocol import Duet, DuetFailed, Duetted, Facts, JobFailure, JobSpec, MeasureProtocol, Result, Stage, Turns
from orchestrator.carriers import CarrierShelf
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.duet import PlayedDuet, processors_for, read_duet
from orchestrator.errors import BoardError, RuntimeUnavailable
from orchestrator.events import Event, JobStage
from orchestrator.farm import Farm
from orchestrator.fingerprint import input_text
from orchestrator.launch import new_job_id, open_links
from orchestrator.links import Keeper, Link
from orchestrator.models import Model
from orchestrator.outcomes import outcome_of
from orchestrator.plan import LOAD_ALLOWANCE_S, plan
from orchestrator.runs import Job
from orchestrator.runtimes import objection
from orchestrator.session import AgentSession
from orchestrator.store import Store
from orchestrator.supply import Supply
from orchestrator.sweep import Sweep
from orchestrator.tenancy import Claims, note_told

SIDES = ("A", "B")
LEAST_ROUNDS = 8
SLOW_MODELS_S = 60.0
"""A model of seconds an inference gets so long for its rounds, whatever was asked for."""
WARM_UP = MeasureProtocol("duet", 5, 0.5, 5.0, 1, 0.0, 0.0)


@dataclass(frozen=True)
class Side:
    """What plays one part: a sweep of one case, and its model."""

    sweep: Sweep
    model: Model


@dataclass(frozen=True)
class Programme:
    """What is played: `duets` of fresh processes each, for `duet_s` in slices of `slice_s`."""

    sides: tuple[Side, Side]
    duets: int
    duet_s: float
    slice_s: float
    seed: int


@dataclass(frozen=True)
class Performance:
    """What came of it: the two jobs with the runtimes' versions, the processors they shared, what the board is emulated
    by, the duets, and what ended it early: a sentence, or the board's error. `notes` are what its reader must know."""

    jobs: tuple[Job, Job]
    versions: tuple[str | None, str | None] = (None, None)
    cpus: tuple[int, ...] = ()
    emulated: str | None = None
    duets: tuple[PlayedDuet, ...] = ()
    failure: str = ""
    error: BoardError | None = None
    notes: tuple[str, ...] = ()


def perform(
    farm: Farm,
    store: Store,
    device: Device,
    programme: Programme,
    notify: Callable[[Event], None],
    stop: threading.Event,
    lock_wait_s: float = 0.0,
) -> Performance:
    """Play a programme on one board. What was played before something failed, or the user stopped it, is told.

    `RuntimeUnavailable` where a side cannot run there, `ModelError`, and the board's errors before the first duet;
    `Stopped` before it when the user asks to stop.
    """
    (link,) = open_links(farm, [device], notify, stop, Claims(store))
    models = [side.model for side in programme.sides]
    supply = Supply(models, CarrierShelf(farm.cache), notify, store.idle_c, settings=farm.settings)
    with Keeper([link]):
        try:
            session = link.open(lock_wait_s)
            facts = _remember(store, link)
            jobs = _jobs(programme, device, facts)
            orders = [_order(supply.outfit(session, facts, job, jobs), facts, programme, jobs) for job in jobs]
            played = _play(session, programme, jobs, orders, notify, stop)
            return replace(played, emulated=facts.emulated, notes=_notes(models))
        finally:
            link.close(politely=not stop.is_set())


def _notes(models: Sequence[Model]) -> tuple[str, ...]:
    """Inputs of another shape are another amount of work: whoever reads that one is faster must know."""
    first, second = (", ".join(input_text(one.dtype, one.shape) for one in model.recipes) for model in models)
    return () if first == second else (f"the inputs differ: A takes {first}; B takes {second}",)


def _remember(store: Store, link: Link) -> Facts:
    note_told(store, [link])
    assert link.facts is not None  # noqa: S101 - an open link was probed
    assert link.conditions is not None  # noqa: S101
    store.remember_facts(link.device.name, link.facts, link.conditions, datetime.now(UTC))
    return link.facts


def _jobs(programme: Programme, device: Device, facts: Facts) -> tuple[Job, Job]:
    first, second = (
        plan(side.sweep, [side.model], [device], {device.name: facts}, objection, new_job_id)[0]
        for side in programme.sides
    )
    for name, job in zip(SIDES, (first, second), strict=True):
        if job.skip_reason is not None:
            raise RuntimeUnavailable(
                f"{name}, {job.model}, cannot run on {device.name}: {job.skip_reason}",
                "give it another runtime (--runtime-a, --runtime-b), delegate or number of --threads",
            )
    return first, second


def _order(order: JobSpec, facts: Facts, programme: Programme, jobs: tuple[Job, Job]) -> JobSpec:
    longest_s = max(SLOW_MODELS_S, 2 * programme.duet_s)
    return replace(
        order,
        protocol=replace(WARM_UP, max_s=longest_s),
        cpu_affinity=processors_for(order.cpu_affinity, facts, max(job.threads for job in jobs)),
        deadline_s=2 * (LOAD_ALLOWANCE_S + WARM_UP.warmup_limit_s) + longest_s,
        sample_hz=0.0,
    )


def _play(
    session: AgentSession,
    programme: Programme,
    jobs: tuple[Job, Job],
    orders: list[JobSpec],
    notify: Callable[[Event], None],
    stop: threading.Event,
) -> Performance:
    performance = Performance(jobs, cpus=tuple(orders[0].cpu_affinity or ()))
    for number in range(programme.duets):
        if stop.is_set():
            break
        swapped = number % 2 == 1  # who loads first differs from who loads second: each is either in turn
        notify(JobStage(session.device.name, jobs[swapped], f"duet {number + 1} of {programme.duets}"))
        try:
            played = _play_one(session, programme, orders, number, swapped)
        except (BoardError, Stopped) as end:
            if not performance.duets:
                raise
            return replace(performance, error=end if isinstance(end, BoardError) else None)
        if isinstance(played, str):
            return replace(performance, failure=played)
        duet, versions = played
        performance = replace(performance, duets=(*performance.duets, duet), versions=versions)
    return performance


def _play_one(
    session: AgentSession, programme: Programme, orders: list[JobSpec], number: int, swapped: bool
) -> tuple[PlayedDuet, tuple[str | None, str | None]] | str:
    """The duet and what runtimes it had; or why there is none."""
    turns = Turns(
        slice_s=programme.slice_s,
        min_rounds=LEAST_ROUNDS,
        min_s=programme.duet_s,
        max_s=orders[0].protocol.max_s,
        seed=programme.seed + number,
    )
    first, second = (replace(order, job_id=new_job_id()) for order in (orders[::-1] if swapped else orders))
    names = SIDES[::-1] if swapped else SIDES
    found = session.duet(Duet(first, second, turns), _hear)
    if isinstance(found, DuetFailed):
        who = {"first": f"{names[0]} failed", "second": f"{names[1]} failed"}.get(found.side, "the duet failed")
        return _why(f"duet {number + 1}: {who}", found.failure)
    return _read(found, names, number, swapped)


def _read(
    found: Duetted, names: tuple[str, ...], number: int, swapped: bool
) -> tuple[PlayedDuet, tuple[str | None, str | None]] | str:
    results = []
    for name, told in zip(names, (found.first, found.second), strict=True):
        result = outcome_of(Result(told))
        if isinstance(result, JobFailure):
            return _why(f"duet {number + 1}: {name} failed", result)
        results.append(result)
    if swapped:
        results.reverse()
    try:
        duet = read_duet(*results)
    except ValueError as error:
        return f"duet {number + 1}: the board answered with something that cannot be: {error}"
    return duet, (results[0].runtime_version, results[1].runtime_version)


def _why(what: str, failure: JobFailure) -> str:
    last = failure.detail.strip().splitlines()[-1:]
    return ": ".join([what, f"{failure.reason.replace('_', ' ')}, {failure.message}", *last])


def _hear(_stage: Stage) -> None:
    """What a duet is at is told by its number."""
