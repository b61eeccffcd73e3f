"""Saving runs, each in one transaction, and reading one back whole."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from agent.protocol import Facts
from orchestrator.errors import StoreError, UnknownJob, UsageError
from orchestrator.records import StoredRun
from orchestrator.runs import Run, RunStatus
from orchestrator.store import tables
from orchestrator.store.devices import keep_facts, remember_wait
from orchestrator.store.names import unknown
from orchestrator.store.rows import from_json, job_from_row
from orchestrator.store.run_rows import (
    SUMMARY_COLUMNS,
    judgement_from_row,
    judgement_to_row,
    result_to_series,
    run_from_rows,
    run_to_row,
    summary_from_values,
)
from orchestrator.store.sweeps import jobs_query
from orchestrator.trust.verdicts import Judgement


def save(connection: Connection, run: Run) -> bool:
    """Store what came of a job; False when the job has its outcome already. `UnknownJob` for a job never planned here.

    A result may arrive twice: the link may die after our commit and before the board hears of it. So a job with a
    measurement takes nothing more, one with another final outcome takes only a measurement, and one that was `lost`
    takes anything. What is replaced is kept, and marked.
    """
    table = tables.run
    job = _planned(connection, run.job.job_id)
    query = select(table.c.status, table.c.attempt, table.c.replaced).where(table.c.job == job["id"])
    attempts = connection.execute(query).all()
    current = {RunStatus(row.status) for row in attempts if not row.replaced}
    if RunStatus.OK in current or (any(status.final for status in current) and run.status is not RunStatus.OK):
        return False
    if run.facts is not None:
        keep_facts(connection, run.facts, run.started)
    place = {"job": job["id"], "sweep": job["sweep"], "model_format": job["format"], "file_bytes": job["size_bytes"]}
    attempt = max((one.attempt for one in attempts), default=0) + 1
    try:
        _insert(connection, run, attempt, place)
    except (OverflowError, struct.error, UnicodeEncodeError) as error:
        raise StoreError(
            f"{run.job.device} answered job {run.job.job_id} with something that cannot be: {error}",
            "Its agent is broken: `dynofarm device check` looks at it.",
        ) from error
    return True


def _insert(connection: Connection, run: Run, attempt: int, place: Mapping[str, Any]) -> None:
    table = tables.run
    if attempt > 1:
        connection.execute(update(table).where(table.c.job == place["job"]).values(replaced=True))
    # Values as parameters, not in the statement: SQLAlchemy then compiles it once, not for every run.
    run_id = connection.execute(insert(table).returning(table.c.id), run_to_row(run, attempt, place)).scalar_one()
    if run.result is not None:
        connection.execute(insert(tables.series), [{"run": run_id, **one} for one in result_to_series(run.result)])
        remember_wait(connection, run.job.device, run.result)


def _planned(connection: Connection, job_id: str) -> RowMapping:
    job, model = tables.job, tables.model
    columns = (job.c.id, job.c.sweep, model.c.format, model.c.size_bytes)
    row = connection.execute(select(*columns).join(model).where(job.c.job_id == job_id)).mappings().one_or_none()
    if row is None:
        raise UnknownJob(
            f"job {job_id} was never planned in this database",
            "Another orchestrator's database has planned it: its next sweep on that board collects the result.",
        )
    return row


def find_run(connection: Connection, wanted: str) -> StoredRun:
    """A run by its job's id or the beginning of it; `ID/2` is the second attempt, else the one that counts."""
    prefix, slash, attempt = wanted.partition("/")
    rows = _by_prefix(connection, prefix)
    ids = {row["job_id"] for row in rows}
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} runs have an id that begins with {prefix}", "Give more of the id.")
    if slash:
        rows = [row for row in rows if str(row["attempt"]) == attempt]
    if not rows:
        newest = select(tables.run.c.job_id).order_by(tables.run.c.id.desc()).limit(1000)
        raise unknown("run", wanted, connection.execute(newest).scalars(), "dynofarm results --each-run")
    return _whole(connection, rows[-1])


def whole_runs(connection: Connection, sweep_id: int) -> list[StoredRun]:
    """Every attempt of a sweep that counts, whole, in the order in which they ran."""
    run = tables.run
    rows = connection.execute(select(run).where(run.c.sweep == sweep_id, ~run.c.replaced).order_by(run.c.started))
    return [_whole(connection, row) for row in rows.mappings().all()]


def measured_ids(connection: Connection, sweep_id: int) -> list[int]:
    """The runs of a sweep that count and have a result, in the order in which they ran."""
    run = tables.run
    wanted = (run.c.sweep == sweep_id, ~run.c.replaced, run.c.loop_wall_ns.is_not(None))
    return list(connection.execute(select(run.c.id).where(*wanted).order_by(run.c.started, run.c.id)).scalars())


def some_whole(connection: Connection, ids: Sequence[int]) -> list[StoredRun]:
    """Those runs whole, in the order of their ids' list."""
    run = tables.run
    rows = {row["id"]: row for row in connection.execute(select(run).where(run.c.id.in_(ids))).mappings()}
    return [_whole(connection, rows[one]) for one in ids if one in rows]


def keep_judgements(connection: Connection, judged: Sequence[tuple[str, int, Judgement]]) -> None:
    """Write verdicts beside their runs: job id, attempt, judgement."""
    run = tables.run
    for job_id, attempt, judgement in judged:
        mine = (run.c.job_id == job_id, run.c.attempt == attempt)
        connection.execute(update(run).where(*mine).values(judgement_to_row(judgement)))


def _by_prefix(connection: Connection, prefix: str) -> Sequence[RowMapping]:
    """All attempts, the one that counts last."""
    run = tables.run
    if not prefix:
        return []
    match = func.substr(run.c.job_id, 1, len(prefix)) == prefix
    exact = connection.execute(select(run).where(run.c.job_id == prefix).order_by(run.c.attempt)).mappings().all()
    return exact or connection.execute(select(run).where(match).order_by(run.c.job_id, run.c.attempt)).mappings().all()


def _whole(connection: Connection, row: RowMapping) -> StoredRun:
    series = tables.series
    job_row = connection.execute(jobs_query().where(tables.job.c.id == row["job"])).mappings().one()
    packed = connection.execute(select(series).where(series.c.run == row["id"])).mappings().all()
    facts = connection.execute(select(tables.facts.c.content).where(tables.facts.c.digest == row["facts"])).scalar()
    name = connection.execute(select(tables.sweep.c.name).where(tables.sweep.c.id == row["sweep"])).scalar_one()
    run = run_from_rows(row, packed, job_from_row(job_row), from_json(Facts, facts) if facts else None)
    summary = summary_from_values(row[column] for column in SUMMARY_COLUMNS)
    return StoredRun(summary, run, name, judgement_from_row(row))
