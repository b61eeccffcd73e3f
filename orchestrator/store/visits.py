"""Who was on which board at the time of a sweep: what the contexts of its runs are made from."""

import json
import sqlite3

from orchestrator.runs import Role
from orchestrator.store.filters import COLUMN
from orchestrator.store.moments import from_text
from orchestrator.store.views.runs import RUNS
from orchestrator.trust.contexts import Visit

_COLUMNS = (
    *("job_id", "attempt", "sweep_id", "device", "role", "started", "finished", "median_ns", "runtime_version"),
    "conditions_before",
)
_QUERY = f"SELECT {', '.join(COLUMN[name] for name in _COLUMNS)} FROM {RUNS.source}"


def visits_around(connection: sqlite3.Connection, sweep_id: int) -> list[Visit]:
    """Every run that was on a board between the first start and the last end of the sweep's runs, of any sweep."""
    span = "SELECT min(started), max(finished) FROM run WHERE sweep = ?"
    first, last = connection.execute(span, (sweep_id,)).fetchone()
    if first is None:
        return []
    then = f"{_QUERY} WHERE run.started <= ? AND run.finished >= ? AND run.status <> 'skipped'"
    return [
        Visit(
            key=(job_id, attempt),
            sweep_id=sweep,
            device=device,
            role=Role(role),
            started=from_text(started),
            finished=from_text(finished),
            median_ns=median_ns,
            version=version,
            boot_id=_boot_id(conditions),
        )
        for job_id, attempt, sweep, device, role, started, finished, median_ns, version, conditions in (
            connection.execute(then, (last, first))
        )
    ]


def _boot_id(conditions: str | None) -> str | None:
    found = json.loads(conditions).get("boot_id") if conditions else None
    return found if isinstance(found, str) and found else None
