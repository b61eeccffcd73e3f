"""Questions over many runs. All read `run` alone: no latency is unpacked for a list."""

from collections.abc import Sequence
from statistics import median

from sqlalchemy import Connection, select

from orchestrator.records import RunFilter, RunSummary
from orchestrator.runs import Job, RunStatus
from orchestrator.store import tables
from orchestrator.store.filters import narrow, order
from orchestrator.store.run_rows import SUMMARY_COLUMNS, summary_from_values

RECENT = 20
"""A board's speed may change (a new fan, a new kernel): the newest runs foretell the next one."""


def list_runs(connection: Connection, wanted: RunFilter) -> list[RunSummary]:
    """Summaries of the runs that a filter lets through, in its order."""
    query = select(*(tables.run.c[name] for name in SUMMARY_COLUMNS))
    query = order(narrow(query, wanted, connection), wanted)
    if wanted.limit is not None:
        query = query.limit(wanted.limit)
    return [summary_from_values(row) for row in connection.execute(query)]


def typical_durations_s(connection: Connection, jobs: Sequence[Job]) -> dict[str, float | None]:
    """For each job id the median wall time of the newest measured runs that are most like it: of the same case, else
    of the same model on that board, else of that board, always under the same protocol and of the same role; None
    where there is none."""
    table = tables.run
    known: dict[tuple[str, ...], float | None] = {}
    durations: dict[str, float | None] = {}
    for job in jobs:
        likenesses = (
            ("case", job.case_key, job.protocol.name, job.role),
            ("model", job.device, job.model, job.protocol.name, job.role),
            ("device", job.device, job.protocol.name, job.role),
        )
        conditions = (
            (table.c.case_key == job.case_key,),
            (table.c.model == job.model,),
            (),
        )
        durations[job.job_id] = None
        for likeness, condition in zip(likenesses, conditions, strict=True):
            if likeness not in known:
                query = (
                    select(table.c.wall_s)
                    .where(table.c.status == str(RunStatus.OK), table.c.protocol == job.protocol.name)
                    .where(table.c.device == job.device, table.c.role == str(job.role), *condition)
                    .order_by(table.c.id.desc())
                    .limit(RECENT)
                )
                found = connection.execute(query).scalars().all()
                known[likeness] = median(found) if found else None
            if known[likeness] is not None:
                durations[job.job_id] = known[likeness]
                break
    return durations
