"""Noise floors, and the history of the reference model that tells whether a board is well."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from agent.protocol import Conditions, Facts, Surroundings
from orchestrator.records import Circumstances, NoiseRecord, ReferenceRun
from orchestrator.store import tables
from orchestrator.store.filters import COLUMN
from orchestrator.store.moments import from_text, to_text
from orchestrator.store.rows import from_json
from orchestrator.store.views.runs import RUNS

_MEASURED = (
    f"FROM {RUNS.source} WHERE cell.device = ? AND model.digest = ? AND protocol.name = ? "
    "AND cell.role NOT IN ('energy', 'profile', 'task') AND run.status = 'ok' AND NOT run.replaced"
)
_STOOD = ("sweep_id", "started", "loop_wall_ns", "conditions_before", "conditions_after", "surroundings", "facts")


def keep(connection: Connection, record: NoiseRecord) -> None:
    """Store a floor. A sweep that was resumed is reckoned again: one row a board and sweep."""
    table = tables.noise
    connection.execute(table.delete().where(table.c.device == record.device, table.c.sweep == record.sweep_id))
    connection.execute(
        insert(table).values(
            device=record.device,
            sweep=record.sweep_id,
            measured=record.measured,
            model=record.model,
            runs=record.runs,
            floor=record.floor,
            details=json.dumps(dict(record.details), separators=(",", ":")),
        )
    )


def newest(connection: Connection, device: str) -> NoiseRecord | None:
    """The newest floor of a board."""
    table = tables.noise
    query = select(table).where(table.c.device == device).order_by(table.c.measured.desc(), table.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return _record(row) if row else None


def reference_runs(
    connection: Connection, device: str, digest: str, protocol: str, since: datetime | None
) -> list[ReferenceRun]:
    """Every measured run of the reference model on a board, in order of time: those around blocks, and of health."""
    query = f"SELECT run.sweep, run.started, run.median_ns, run.runtime_version {_MEASURED}"
    values: tuple[Any, ...] = (device, digest, protocol)
    if since is not None:
        query, values = f"{query} AND run.started >= ?", (*values, to_text(since))
    rows = connection.exec_driver_sql(f"{query} ORDER BY run.started, run.id", values)
    return [ReferenceRun(sweep, from_text(started), *rest) for sweep, started, *rest in rows]


def circumstances(
    connection: Connection, device: str, digest: str, protocol: str, sweeps: Sequence[int]
) -> list[Circumstances]:
    """How the board stood at the reference runs of some sweeps, in order of time."""
    columns = ", ".join(f'{COLUMN[name]} AS "{name}"' for name in _STOOD)
    marks = ", ".join("?" * len(sweeps))
    query = f"SELECT {columns} {_MEASURED} AND run.sweep IN ({marks}) ORDER BY run.started, run.id"
    rows = connection.exec_driver_sql(query, (device, digest, protocol, *sweeps)).mappings()
    return [_circumstances(row) for row in rows]


def _circumstances(row: RowMapping) -> Circumstances:
    return Circumstances(
        sweep_id=row["sweep_id"],
        started=from_text(row["started"]),
        loop_wall_s=row["loop_wall_ns"] / 1e9,
        before=from_json(Conditions, row["conditions_before"]),
        after=from_json(Conditions, row["conditions_after"]),
        surroundings=from_json(Surroundings, row["surroundings"]) if row["surroundings"] else None,
        facts=from_json(Facts, row["facts"]) if row["facts"] else None,
    )


def _record(row: RowMapping) -> NoiseRecord:
    return NoiseRecord(
        device=row["device"],
        sweep_id=row["sweep"],
        measured=row["measured"],
        model=row["model"],
        runs=row["runs"],
        floor=row["floor"],
        details=json.loads(row["details"]),
    )
