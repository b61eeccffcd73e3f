"""Noise floors, and the history of the reference model that tells whether a board is well."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select

from agent.protocol import Conditions, Facts, Surroundings
from orchestrator.records import Circumstances, NoiseRecord, ReferenceRun
from orchestrator.runs import Role, RunStatus
from orchestrator.store import tables
from orchestrator.store.rows import from_json


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
    run = tables.run
    columns = (run.c.sweep, run.c.started, run.c.median_ns, run.c.runtime_version)
    query = _measured(select(*columns), device, digest, protocol).order_by(run.c.started, run.c.id)
    if since is not None:
        query = query.where(run.c.started >= since)
    return [ReferenceRun(*row) for row in connection.execute(query)]


def circumstances(
    connection: Connection, device: str, digest: str, protocol: str, sweeps: Sequence[int]
) -> list[Circumstances]:
    """How the board stood at the reference runs of some sweeps, in order of time."""
    run, facts = tables.run, tables.facts
    names = ("sweep", "started", "loop_wall_ns", "conditions_before", "conditions_after", "surroundings")
    query = _measured(select(*(run.c[name] for name in names), facts.c.content), device, digest, protocol)
    query = query.outerjoin(facts, facts.c.digest == run.c.facts).where(run.c.sweep.in_(list(sweeps)))
    rows = connection.execute(query.order_by(run.c.started, run.c.id)).mappings()
    return [_circumstances(row) for row in rows]


def _measured(query: Select[Any], device: str, digest: str, protocol: str) -> Select[Any]:
    run = tables.run
    return query.where(
        run.c.device == device,
        run.c.model_digest == digest,
        run.c.protocol == protocol,
        run.c.role != str(Role.ENERGY),
        run.c.status == str(RunStatus.OK),
        ~run.c.replaced,
    )


def _circumstances(row: RowMapping) -> Circumstances:
    return Circumstances(
        sweep_id=row["sweep"],
        started=row["started"],
        loop_wall_s=row["loop_wall_ns"] / 1e9,
        before=from_json(Conditions, row["conditions_before"]),
        after=from_json(Conditions, row["conditions_after"]),
        surroundings=from_json(Surroundings, row["surroundings"]) if row["surroundings"] else None,
        facts=from_json(Facts, row["content"]) if row["content"] else None,
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
