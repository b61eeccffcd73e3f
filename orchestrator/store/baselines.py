"""Baselines: names for runs that later ones are compared with. A run belongs to as many as like."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select

from orchestrator.comparing.baselines import BaselineRecord
from orchestrator.errors import UnknownName
from orchestrator.runs import RunStatus
from orchestrator.store import tables
from orchestrator.store.names import unknown

_AT_ONCE = 500
"""Rows of one statement: SQLite takes some thousand parameters."""


def put(connection: Connection, name: str, job_ids: Mapping[str, bool], at: datetime) -> int:
    """Let these jobs' measurements (True: forced) stand for their cases under a name, in place of what stood for them.

    A case has the same key, or is the same and ran on the same version of the runtime, whether that was asked for by
    name or not. Cases that are not among them keep what they have. Returns how many runs had to go. `UnknownName` for a
    job without a measurement.
    """
    table, baseline = tables.baseline_run, tables.baseline
    number = connection.execute(select(baseline.c.id).where(baseline.c.name == name)).scalar_one_or_none()
    if number is None:
        row = {"name": name, "created": at}
        number = connection.execute(insert(baseline).returning(baseline.c.id), row).scalar_one()
    rows, cases = [], set()
    for job_id, forced in job_ids.items():
        run, *names = _run_of(connection, job_id)
        rows.append({"baseline": number, "run": run, "added": at, "forced": forced})
        cases.update(names)
    mine = _runs().join(table, table.c.run == tables.run.c.id).where(table.c.baseline == number)
    gone = [run for run, *names in map(_named, connection.execute(mine)) if not cases.isdisjoint(names)]
    for start in range(0, len(gone), _AT_ONCE):
        part = gone[start : start + _AT_ONCE]
        connection.execute(delete(table).where(table.c.baseline == number, table.c.run.in_(part)))
    if rows:
        connection.execute(insert(table), rows)
    return len(gone)


def list_all(connection: Connection) -> list[BaselineRecord]:
    """By name."""
    names = connection.execute(select(tables.baseline).order_by(tables.baseline.c.name)).mappings().all()
    return [_record(connection, row) for row in names]


def remove(connection: Connection, name: str, devices: Collection[str] | None) -> int:
    """Forget a baseline, or with `devices` what it has of these boards; the runs themselves stay. Returns how many runs
    it had there. `UnknownName`."""
    baseline, table = tables.baseline, tables.baseline_run
    number = connection.execute(select(baseline.c.id).where(baseline.c.name == name)).scalar_one_or_none()
    if number is None:
        known = connection.execute(select(baseline.c.name)).scalars()
        raise unknown("baseline", name, known, "dynofarm baseline list")
    mine = table.c.baseline == number
    if devices is not None:
        there = (
            select(tables.run.c.id)
            .join(tables.cell, tables.cell.c.id == tables.run.c.cell)
            .where(tables.cell.c.device.in_(sorted(devices)))
        )
        mine = mine & table.c.run.in_(there)
    gone = connection.execute(delete(table).where(mine)).rowcount
    left = connection.execute(select(func.count()).select_from(table).where(table.c.baseline == number)).scalar_one()
    if not left:
        connection.execute(delete(baseline).where(baseline.c.id == number))
    return gone


_Named = tuple[int, str, tuple[Any, ...]]
"""A run, the key of its case, and what the case is, with the version that ran."""


def _run_of(connection: Connection, job_id: str) -> _Named:
    query = _runs().join(tables.job, tables.job.c.id == tables.run.c.job)
    row = connection.execute(
        query.where(tables.job.c.job_id == job_id, tables.run.c.status == str(RunStatus.OK))
    ).one_or_none()
    if row is None:
        raise UnknownName(f"job {job_id[:8]} has no measurement", "`dynofarm results --each-run` lists what there is.")
    return _named(row)


def _runs() -> Select[Any]:
    cell = tables.cell
    return (
        select(
            tables.run.c.id,
            cell.c.case_key,
            cell.c.device,
            tables.model.c.name,
            cell.c.runtime,
            tables.run.c.runtime_version,
            cell.c.threads,
            cell.c.delegate,
            cell.c.options,
        )
        .join(cell, cell.c.id == tables.run.c.cell)
        .join(tables.model, tables.model.c.id == cell.c.model)
    )


def _named(row: Sequence[Any]) -> _Named:
    return row[0], row[1], tuple(row[2:])


def _record(connection: Connection, row: RowMapping) -> BaselineRecord:
    table, cell, run = tables.baseline_run, tables.cell, tables.run
    query = (
        select(cell.c.device, cell.c.case_key, run.c.sweep, table.c.added, table.c.forced)
        .join(run, run.c.id == table.c.run)
        .join(cell, cell.c.id == run.c.cell)
        .where(table.c.baseline == row["id"])
    )
    members = connection.execute(query).all()
    return BaselineRecord(
        name=row["name"],
        created=row["created"],
        added=max((one.added for one in members), default=row["created"]),
        devices=tuple(sorted({one.device for one in members})),
        sweeps=tuple(sorted({one.sweep for one in members})),
        cases=len({one.case_key for one in members}),
        runs=len(members),
        forced=sum(bool(one.forced) for one in members),
    )
