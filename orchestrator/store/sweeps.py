"""Sweeps, their jobs, and what is still owed of them.

A job is owed until it has a run that is neither `lost` nor replaced. Taking a failed job up again (`owe_again`) marks
its run as replaced: every attempt is kept, and the list of runs shows the one that counts.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, exists, func, insert, or_, select, text, update

from orchestrator import __version__
from orchestrator.errors import UnknownName
from orchestrator.models import Model
from orchestrator.records import Progress, SweepRecord
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import tables
from orchestrator.store.cells import Cells
from orchestrator.store.devices import name_devices
from orchestrator.store.engine import raw
from orchestrator.store.filters import find_sweep_id
from orchestrator.store.models import hide_model, keep_model, model_id
from orchestrator.store.rows import job_from_row, job_to_row, sweep_from_json, sweep_to_json
from orchestrator.sweep import Purpose, Sweep

JOBS = (
    "SELECT job.job_id, cell.device, model.name AS model_name, model.digest AS model_digest, cell.runtime, "
    "cell.runtime_version, cell.threads, cell.delegate, cell.options, protocol.content AS protocol, job.block, "
    "job.position, job.seed, job.sample_hz, job.deadline_s, job.skip_reason, cell.role, task.content AS task FROM job "
    "JOIN cell ON cell.id = job.cell JOIN model ON model.id = cell.model JOIN protocol ON protocol.id = cell.protocol "
    "LEFT JOIN task ON task.id = cell.task"
)
"""Rows for `job_from_row`."""

_OWED = "NOT EXISTS (SELECT 1 FROM run WHERE run.job = job.id AND NOT run.replaced AND run.status <> 'lost')"
_MOST_AT_ONCE = 500
"""Values in one statement; old builds of SQLite take 999."""


def create(connection: Connection, sweep: Sweep, jobs: Sequence[Job], models: Sequence[Model], at: datetime) -> int:
    """Store a sweep and its whole plan; return the sweep's number."""
    row = {"name": sweep.name, "created": at, "version": __version__, "definition": sweep_to_json(sweep)}
    row["purpose"] = str(sweep.purpose)
    sweep_id = int(connection.execute(insert(tables.sweep).values(row).returning(tables.sweep.c.id)).scalar_one())
    known = {model.digest for model in models if model_id(connection, model.name, model.digest) is not None}
    add_jobs(connection, sweep_id, jobs, models, at)
    if sweep.purpose is not Purpose.RESULTS:
        for model in models:
            if model.digest not in known:
                hide_model(connection, model, at)
    return sweep_id


def add_jobs(connection: Connection, sweep_id: int, jobs: Sequence[Job], models: Sequence[Model], at: datetime) -> None:
    """Store jobs of a sweep, with the models and the names of the boards that they speak of."""
    results = {(job.model, job.model_digest) for job in jobs if job.role is not Role.REFERENCE}
    for model in models:
        if model_id(connection, model.name, model.digest) is None:
            keep_model(connection, model, at)
            if (model.name, model.digest) not in results:
                hide_model(connection, model, at)
    name_devices(connection, {job.device for job in jobs})
    cells = Cells(connection)
    rows = [job_to_row(job, sweep_id, cells.number(job)) for job in jobs]
    if rows:
        connection.execute(insert(tables.job), rows)


def list_sweeps(connection: Connection) -> list[SweepRecord]:
    """Oldest first."""
    rows = connection.execute(select(tables.sweep).order_by(tables.sweep.c.id)).mappings().all()
    return [_record(connection, row) for row in rows]


def find_sweep(connection: Connection, wanted: int | str) -> SweepRecord:
    """By number, by name (the newest of that name), or `last`."""
    return _record(connection, _find(connection, wanted))


def last_unfinished(connection: Connection, again: Sequence[RunStatus] = ()) -> SweepRecord:
    """The newest sweep that has owed jobs, or some that ended in a status of `again`; `UnknownName` when there is none.

    A health check is not taken up again: it is about the board as it was then.
    """
    table, run = tables.sweep, tables.run
    owing: ColumnElement[bool] = exists().where(tables.job.c.sweep == table.c.id, _is_result(tables.job), _owed())
    if again:
        ended = run.c.status.in_([str(status) for status in again])
        owing = or_(owing, exists().where(run.c.sweep == table.c.id, _is_result(run), ~run.c.replaced, ended))
    wanted = (owing, table.c.purpose != str(Purpose.HEALTH))
    row = connection.execute(select(table).where(*wanted).order_by(table.c.id.desc()).limit(1)).mappings().one_or_none()
    if row is None:
        what = f", and none has a job that ended {' or '.join(again)}" if again else ""
        raise UnknownName(f"no sweep is unfinished{what}", "`dynofarm sweeps` lists them all.")
    return _record(connection, row)


def list_jobs(connection: Connection, sweep_id: int, *, owed_only: bool) -> list[Job]:
    """In the order in which they are to run: block by block."""
    owed = f"AND {_OWED}" if owed_only else ""
    query = f"{JOBS} WHERE job.sweep = ? {owed} ORDER BY job.block, job.position, job.id"
    return [job_from_row(row) for row in connection.exec_driver_sql(query, (sweep_id,)).mappings()]


def find_job(connection: Connection, job_id: str) -> Job | None:
    row = connection.exec_driver_sql(f"{JOBS} WHERE job.job_id = ?", (job_id,)).mappings().one_or_none()
    return job_from_row(row) if row else None


def planned_at(connection: Connection, job_id: str) -> datetime | None:
    """When the sweep of a job was created."""
    sweep, job = tables.sweep, tables.job
    query = select(sweep.c.created).join(job, job.c.sweep == sweep.c.id).where(job.c.job_id == job_id)
    return connection.execute(query).scalar_one_or_none()


def still_owed(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Those of the jobs that have no final run."""
    table = tables.job
    found: set[str] = set()
    for at in range(0, len(job_ids), _MOST_AT_ONCE):
        some = table.c.job_id.in_(job_ids[at : at + _MOST_AT_ONCE])
        found.update(connection.execute(select(table.c.job_id).where(some, _owed())).scalars())
    return found


def owe_again(connection: Connection, sweep_id: int, statuses: Sequence[RunStatus]) -> int:
    """Take up again the jobs that ended so; `ok` stays what it is. Returns how many are owed now that were not."""
    run = tables.run
    again = [str(status) for status in statuses if status is not RunStatus.OK]
    chosen = (run.c.sweep == sweep_id, run.c.status.in_(again), ~run.c.replaced)
    return connection.execute(update(run).where(*chosen).values(replaced=True)).rowcount


def status_counts(connection: Connection, sweep_id: int) -> dict[RunStatus, int]:
    """Jobs by the status of the run that counts; those without a run and those of the reference model are in none."""
    run = tables.run
    query = select(run.c.status, func.count()).where(run.c.sweep == sweep_id, ~run.c.replaced, _is_result(run))
    query = query.group_by(run.c.status)
    return {RunStatus(status): count for status, count in connection.execute(query)}


def _find(connection: Connection, wanted: int | str) -> RowMapping:
    number = find_sweep_id(raw(connection), wanted)
    return connection.execute(select(tables.sweep).where(tables.sweep.c.id == number)).mappings().one()


def _record(connection: Connection, row: RowMapping) -> SweepRecord:
    mine = (tables.job.c.sweep == row["id"], _is_result(tables.job))
    jobs = connection.execute(select(func.count()).where(*mine)).scalar_one()
    counts = status_counts(connection, row["id"])
    final = sum(count for status, count in counts.items() if status.final)
    ok, skipped = counts.get(RunStatus.OK, 0), counts.get(RunStatus.SKIPPED, 0)
    progress = Progress(
        jobs=jobs,
        ok=ok,
        failed=final - ok - skipped,
        skipped=skipped,
        owed=jobs - final,
        lost=counts.get(RunStatus.LOST, 0),
    )
    return SweepRecord(
        sweep_id=row["id"],
        name=row["name"],
        created=row["created"],
        version=row["version"],
        sweep=sweep_from_json(row["definition"]),
        progress=progress,
    )


def _is_result(table: Table) -> ColumnElement[bool]:
    """The reference model's jobs come and go with the blocks; nobody asked for them by name."""
    cell = tables.cell
    return exists().where(cell.c.id == table.c.cell, cell.c.role != str(Role.REFERENCE))


def _owed() -> ColumnElement[bool]:
    return text(_OWED)  # type: ignore[return-value]
