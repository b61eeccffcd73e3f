"""Sweeps, their jobs, and what is still owed of them.

A job is owed until it has a run that is neither `lost` nor replaced. Taking a failed job up again (`owe_again`) marks
its run as replaced: every attempt is kept, and the list of runs shows the one that counts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, exists, func, insert, select, update

from orchestrator import __version__
from orchestrator.errors import StoreError, UnknownName
from orchestrator.models import Model
from orchestrator.records import Progress, SweepRecord
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import tables
from orchestrator.store.devices import name_devices
from orchestrator.store.models import hide_model, keep_model, model_id
from orchestrator.store.names import unknown
from orchestrator.store.rows import job_from_row, job_to_row, sweep_from_json, sweep_to_json
from orchestrator.sweep import Purpose, Sweep

LAST = "last"
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
    ids: dict[tuple[str, str], int] = {}
    rows = []
    for job in jobs:
        key = (job.model, job.model_digest)
        if key not in ids:
            found = model_id(connection, *key)
            if found is None:
                raise StoreError(f"job {job.job_id} wants model {job.model}, which was not handed over with the sweep")
            ids[key] = found
        rows.append(job_to_row(job, sweep_id, ids[key]))
    if rows:
        connection.execute(insert(tables.job), rows)


def list_sweeps(connection: Connection) -> list[SweepRecord]:
    """Oldest first."""
    rows = connection.execute(select(tables.sweep).order_by(tables.sweep.c.id)).mappings().all()
    return [_record(connection, row) for row in rows]


def find_sweep(connection: Connection, wanted: int | str) -> SweepRecord:
    """By number, by name (the newest of that name), or `last`."""
    return _record(connection, _find(connection, wanted))


def find_sweep_id(connection: Connection, wanted: int | str) -> int:
    return int(_find(connection, wanted)["id"])


def last_unfinished(connection: Connection) -> SweepRecord:
    """The newest sweep that has owed jobs; `UnknownName` when every sweep is complete.

    A health check is not taken up again: it is about the board as it was then.
    """
    table = tables.sweep
    owing = exists().where(tables.job.c.sweep == table.c.id, _is_result(tables.job), _owed())
    wanted = (owing, table.c.purpose != str(Purpose.HEALTH))
    row = connection.execute(select(table).where(*wanted).order_by(table.c.id.desc()).limit(1)).mappings().one_or_none()
    if row is None:
        raise UnknownName("no sweep is unfinished", "`dynofarm sweeps` lists them all.")
    return _record(connection, row)


def list_jobs(connection: Connection, sweep_id: int, *, owed_only: bool) -> list[Job]:
    """In the order in which they are to run: block by block."""
    table = tables.job
    query = jobs_query().where(table.c.sweep == sweep_id).order_by(table.c.block, table.c.position, table.c.id)
    if owed_only:
        query = query.where(_owed())
    return [job_from_row(row) for row in connection.execute(query).mappings()]


def find_job(connection: Connection, job_id: str) -> Job | None:
    row = connection.execute(jobs_query().where(tables.job.c.job_id == job_id)).mappings().one_or_none()
    return job_from_row(row) if row else None


def still_owed(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Those of the jobs that have no final run."""
    table = tables.job
    found: set[str] = set()
    for at in range(0, len(job_ids), _MOST_AT_ONCE):
        some = table.c.job_id.in_(job_ids[at : at + _MOST_AT_ONCE])
        found.update(connection.execute(select(table.c.job_id).where(some, _owed())).scalars())
    return found


def jobs_query() -> Select[Any]:
    """Rows for `job_from_row`."""
    job, model = tables.job, tables.model
    named = (model.c.name.label("model_name"), model.c.digest.label("model_digest"))
    return select(job, *named).join(model, model.c.id == job.c.model)


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
    table = tables.sweep
    newest = select(table).order_by(table.c.id.desc()).limit(1)
    if wanted == LAST:
        row = connection.execute(newest).mappings().one_or_none()
    else:
        row = connection.execute(newest.where(table.c.name == str(wanted))).mappings().one_or_none()
        if str(wanted).isdecimal():
            row = connection.execute(newest.where(table.c.id == int(wanted))).mappings().one_or_none() or row
    if row is None:
        known = connection.execute(select(table.c.name).distinct()).scalars()
        raise unknown("sweep", str(wanted), known, "dynofarm sweeps")
    return row


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
    return table.c.role != str(Role.REFERENCE)


def _owed() -> ColumnElement[bool]:
    run = tables.run
    return ~exists().where(run.c.job == tables.job.c.id, ~run.c.replaced, run.c.status != str(RunStatus.LOST))
