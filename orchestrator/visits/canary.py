"""The reference model as a canary: looking at boards with it, and what follows for those that have moved."""

from collections.abc import Sequence
from datetime import UTC, datetime

from orchestrator.health import Health, State, Visit, chart, health_of, visits_of
from orchestrator.health.changes import changes
from orchestrator.records import RunFilter
from orchestrator.reference_model import reference_model
from orchestrator.runs import Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import REFERENCE, REFERENCE_RUNTIME, Purpose, Sweep

COMPARED_WITH = 5
"""So many visits before the onset show what was otherwise then; older ones would date other changes."""


def health_sweep(devices: Sequence[str], runs: int) -> Sweep:
    """A sweep of the reference model alone: `runs` fresh processes a board, under the protocol of its other runs."""
    return Sweep(
        name="health",
        models=(reference_model().name,),
        on=tuple(devices),
        runtimes=(REFERENCE_RUNTIME,),
        protocol=REFERENCE,
        repeats=runs,
        reference=False,
        purpose=Purpose.HEALTH,
    )


def close_sweep(store: Store, sweep_id: int) -> None:
    """What could not be measured now is not owed: a health check is about now, and the next one is another."""
    now = datetime.now(UTC)
    told = {run.job_id: run.message for run in store.runs(RunFilter(sweep=sweep_id)) if run.message}
    for job in store.owed_jobs(sweep_id):
        why = told.get(job.job_id, "the board could not be looked at then")
        store.save_run(Run(job, RunStatus.SKIPPED, now, now, why))


def look(store: Store, device: str, sweep_id: int) -> Health:
    """How a board stands by all that is stored, if the sweep has measured it."""
    model = reference_model()
    runs = store.reference_runs(device, model.digest, REFERENCE.name)
    if not any(run.sweep_id == sweep_id for run in runs):
        return Health(device, State.UNSEEN, why=_why_unseen(store, device, sweep_id))
    visits = visits_of(runs)
    releases = [record.released for record in store.quarantines(device) if record.released is not None]
    reading = chart(visits, releases)
    why = _what_changed(store, device, visits, reading.onset) if reading.onset is not None else ()
    return health_of(device, visits, reading, why)


def take_out(store: Store, found: Health) -> bool:
    """Take a board that has moved out of rotation; False when it is out already."""
    return store.quarantine(found.device, found.sentence, datetime.now(UTC))


def _what_changed(store: Store, device: str, visits: Sequence[Visit], onset: int) -> Sequence[str]:
    before, since = visits[max(0, onset - COMPARED_WITH) : onset], visits[onset:]
    sweeps = sorted({visit.sweep_id for visit in (*before, *since)})
    stood = store.circumstances(device, reference_model().digest, REFERENCE.name, sweeps)
    begun = since[0].started
    known = [one for one in stood if not before or one.started >= before[0].started]
    return changes([one for one in known if one.started < begun], [one for one in known if one.started >= begun])


def _why_unseen(store: Store, device: str, sweep_id: int) -> tuple[str, ...]:
    told = [run.message for run in store.runs(RunFilter(devices=(device,), sweep=sweep_id)) if run.message]
    return tuple(dict.fromkeys(told))
