"""Who measures on which board now, how far that is, and how warm the board was last."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from orchestrator.store.leases import PROCESS, Holder, is_dead, this_process
from orchestrator.store.moments import from_text

_TENANTS = (
    "SELECT lease.device, lease_log.sweep, lease_log.why, lease_log.owner, lease.since, "
    + ", ".join(f"lease.{column}" for column in PROCESS)
    + " FROM lease JOIN lease_log ON lease_log.device = lease.device AND lease_log.token = lease.token "
    "WHERE lease.holder IS NOT NULL ORDER BY lease.device"
)

_DONE = "EXISTS (SELECT 1 FROM run WHERE run.job = job.id AND NOT run.replaced AND run.status <> 'lost')"
_MEASURED = "EXISTS (SELECT 1 FROM run WHERE run.job = job.id AND run.status = 'ok')"
_SKIPPED = "EXISTS (SELECT 1 FROM run WHERE run.job = job.id AND NOT run.replaced AND run.status = 'skipped')"

_PARTS = (
    f"SELECT cell.device, count(*), sum({_DONE}), sum({_MEASURED}), sum({_SKIPPED}) FROM job "
    "JOIN cell ON cell.id = job.cell WHERE job.sweep = ? AND cell.role <> 'reference' "
    "GROUP BY cell.device ORDER BY cell.device"
)

# SQLite takes the other columns from the row that has the least.
_NEXT = (
    "SELECT cell.device, model.name, cell.runtime, cell.threads, cell.role, "
    "min(job.block * 1000000000 + job.position * 1000 + job.id % 1000) FROM job JOIN cell ON cell.id = job.cell "
    f"JOIN model ON model.id = cell.model WHERE job.sweep = ? AND NOT {_DONE} GROUP BY cell.device"
)

_NEWEST = (
    "WITH newest AS (SELECT cell.device AS device, (SELECT run.id FROM run INDEXED BY ix_run_cell_started "
    "WHERE run.cell = cell.id AND run.status = 'ok' ORDER BY run.started DESC LIMIT 1) AS run FROM cell) "
    "SELECT newest.device, max(run.finished), json_patch(run.conditions_before, run.conditions_after) "
    "FROM newest JOIN run ON run.id = newest.run GROUP BY newest.device"
)
_VISITED = "SELECT name, last_seen, conditions FROM device WHERE last_seen IS NOT NULL AND conditions IS NOT NULL"


@dataclass(frozen=True)
class Tenant:
    """Who has a board for a sweep at this moment, and the number and the name of that sweep."""

    device: str
    sweep_id: int | None
    name: str
    owner: str
    since: datetime


@dataclass(frozen=True)
class Part:
    """A board's part of a sweep, the runs of the reference model apart. `now` is the job that it owes first, in words;
    empty where it owes none."""

    device: str
    jobs: int
    done: int
    ok: int
    skipped: int
    now: str = ""

    @property
    def failed(self) -> int:
        return self.done - self.ok - self.skipped


@dataclass(frozen=True)
class Warmth:
    """The warmest of a board's sensors, degrees Celsius, and when that was read."""

    at: datetime
    temp_c: float


def tenants(connection: sqlite3.Connection) -> dict[str, Tenant]:
    """By board; a holder that died on this machine has none any more."""
    me = this_process()
    found = {}
    for device, sweep, why, owner, since, *process in connection.execute(_TENANTS):
        if not is_dead(Holder(*process), me):
            found[device] = Tenant(device, sweep, why, owner, from_text(since))
    return found


def parts(connection: sqlite3.Connection, sweep_id: int) -> list[Part]:
    """A sweep, board by board."""
    owed = {device: _job_text(*rest[:4]) for device, *rest in connection.execute(_NEXT, (sweep_id,))}
    rows = connection.execute(_PARTS, (sweep_id,))
    return [Part(device, jobs, done, ok, skipped, owed.get(device, "")) for device, jobs, done, ok, skipped in rows]


def warmths(connection: sqlite3.Connection) -> dict[str, Warmth]:
    """The newest reading of each board that has sensors: after its last measured run, or at its last visit."""
    found: dict[str, Warmth] = {}
    for query in (_VISITED, _NEWEST):
        for device, at, conditions in connection.execute(query):
            temp_c = _warmest(conditions)
            if temp_c is None:
                continue
            warmth = Warmth(from_text(at), temp_c)
            if device not in found or found[device].at < warmth.at:
                found[device] = warmth
    return found


def _warmest(conditions: str | None) -> float | None:
    told = json.loads(conditions) if conditions else {}
    readings = told.get("temperatures_c") or {}
    return max((value for value in readings.values() if isinstance(value, int | float)), default=None)


def _job_text(model: str, runtime: str, threads: int, role: str) -> str:
    if role == "reference":
        return "the reference model"
    return f"{model} · {runtime} · {threads} thread{'s' * (threads != 1)}" + (f" · {role}" if role != "case" else "")
