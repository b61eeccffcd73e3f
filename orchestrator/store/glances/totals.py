"""Counts and newest figures of the whole store, for whoever watches it over time."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

_RUNS = (
    "SELECT status, verdict, count(*) FROM run INDEXED BY ix_run_cell_started WHERE NOT replaced "
    "GROUP BY status, verdict"
)
# Per cell the index leads to the newest measured run; SQLite takes the other columns from the row of the greatest.
_NEWEST = (
    "WITH newest AS (SELECT cell.device, cell.model, cell.runtime, (SELECT run.id FROM run INDEXED BY "
    "ix_run_cell_started WHERE run.cell = cell.id AND run.status = 'ok' ORDER BY run.started DESC LIMIT 1) AS run "
    "FROM cell WHERE cell.role = 'case') "
    "SELECT newest.device, model.name, newest.runtime, run.median_ns, max(run.started) FROM newest "
    "JOIN run ON run.id = newest.run JOIN model ON model.id = newest.model "
    "GROUP BY newest.device, model.name, newest.runtime ORDER BY max(run.started) DESC, 1, 2, 3"
)


@dataclass(frozen=True)
class Newest:
    """The newest median of a model on a board under a runtime, whatever its threads and options were."""

    device: str
    model: str
    runtime: str
    median_ns: float


def run_counts(connection: sqlite3.Connection) -> dict[tuple[str, str | None], int]:
    """How many runs of all roles, by status and verdict; attempts that were replaced are left out."""
    return {(status, verdict): count for status, verdict, count in connection.execute(_RUNS)}


def newest_medians(connection: sqlite3.Connection, limit: int) -> list[Newest]:
    """At most so many, those that were measured last."""
    rows = connection.execute(f"{_NEWEST} LIMIT {int(limit)}")
    return [Newest(*row[:4]) for row in rows if row[3] is not None]


def store_bytes(path: Path) -> int:
    """The database with its log."""
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    return sum(file.stat().st_size for file in files if file.exists())
