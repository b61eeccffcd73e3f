"""How long jobs take, told from those that ran. No latency is unpacked for that."""

import sqlite3
from collections.abc import Sequence
from statistics import median

from orchestrator.runs import Job

RECENT = 20
"""A board's speed may change (a new fan, a new kernel): the newest runs foretell the next one."""

_NEWEST = (
    "SELECT run.wall_s FROM cell JOIN run ON run.cell = cell.id JOIN protocol ON protocol.id = cell.protocol "
    "JOIN model ON model.id = cell.model WHERE cell.device = ? AND protocol.name = ? AND cell.role = ? "
    f"AND run.status = 'ok' {{}} ORDER BY run.id DESC LIMIT {RECENT}"
)


def typical_durations_s(connection: sqlite3.Connection, jobs: Sequence[Job]) -> dict[str, float | None]:
    """For each job id the median wall time of the newest measured runs that are most like it: of the same case, else
    of the same model on that board, else of that board, always under the same protocol and of the same role; None
    where there is none."""
    known: dict[tuple[str, ...], float | None] = {}
    durations: dict[str, float | None] = {}
    for job in jobs:
        common = (job.device, job.protocol.name, str(job.role))
        likenesses = (("AND cell.case_key = ?", job.case_key), ("AND model.name = ?", job.model), ("", None))
        durations[job.job_id] = None
        for condition, value in likenesses:
            values = common if value is None else (*common, value)
            if (condition, *values) not in known:
                found = [wall_s for (wall_s,) in connection.execute(_NEWEST.format(condition), values)]
                known[condition, *values] = median(found) if found else None
            durations[job.job_id] = known[condition, *values]
            if durations[job.job_id] is not None:
                break
    return durations
