"""Who was on which board at the time of a sweep: what the contexts of its runs are made from."""

import json

from sqlalchemy import Connection, func, select

from orchestrator.runs import Role, RunStatus
from orchestrator.store import tables
from orchestrator.trust.contexts import Visit


def visits_around(connection: Connection, sweep_id: int) -> list[Visit]:
    """Every run that was on a board between the first start and the last end of the sweep's runs, of any sweep."""
    run = tables.run.c
    span = select(func.min(run.started), func.max(run.finished)).where(run.sweep == sweep_id)
    first, last = connection.execute(span).one()
    if first is None:
        return []
    columns = (
        *(run.job_id, run.attempt, run.sweep, run.device, run.role, run.started, run.finished),
        *(run.median_ns, run.runtime_version, run.conditions_before),
    )
    then = (run.started <= last, run.finished >= first, run.status != str(RunStatus.SKIPPED))
    return [
        Visit(
            key=(row.job_id, row.attempt),
            sweep_id=row.sweep,
            device=row.device,
            role=Role(row.role),
            started=row.started,
            finished=row.finished,
            median_ns=row.median_ns,
            version=row.runtime_version,
            boot_id=_boot_id(row.conditions_before),
        )
        for row in connection.execute(select(*columns).where(*then))
    ]


def _boot_id(conditions: str | None) -> str | None:
    found = json.loads(conditions).get("boot_id") if conditions else None
    return found if isinstance(found, str) and found else None
