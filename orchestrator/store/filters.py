"""From a `RunFilter` to the WHERE and ORDER BY of a query over `runs_view`. Standard library only."""

import sqlite3
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from orchestrator.errors import UnknownName
from orchestrator.records import RunFilter
from orchestrator.store.moments import to_text
from orchestrator.store.names import unknown
from orchestrator.store.views import RUNS

COLUMN = {column.name: column.expression for column in RUNS.columns}
"""What stands behind each column of `runs_view`."""

SORT_KEYS = {
    **{name: name for name in ("started", "device", "model", "runtime", "threads", "status", "n")},
    **{"p50": "median_ns", "median": "median_ns", "mean": "mean_ns", "p90": "p90_ns", "p95": "p95_ns"},
    **{"p99": "p99_ns", "min": "min_ns", "max": "max_ns", "load": "load_ns", "first": "first_ns"},
    **{"cpu": "cpu_ns_per_inference", "rss": "peak_rss_bytes", "size": "file_bytes"},
}
"""What can be sorted by, and the column of `runs_view` that has it."""

LAST = "last"

_VERSIONS = "SELECT DISTINCT runtime_version FROM run"
_CELLS = "cell JOIN model ON model.id = cell.model"

_AXES = (
    ("device", "device", "devices", "SELECT name FROM device"),
    ("model", "model", "models", "SELECT DISTINCT name FROM model"),
    ("runtime", "runtime", "runtimes", "SELECT DISTINCT runtime FROM cell"),
    ("delegate", "delegate", "delegates", "SELECT DISTINCT delegate FROM cell"),
)


def narrow(connection: sqlite3.Connection, wanted: RunFilter) -> tuple[str, list[Any]]:
    """The condition of a filter on the rows of `run`, and its parameters. `UnknownName` for a name, not a pattern, that
    was never seen."""
    cells, cell_values = _of_cells(connection, wanted)
    narrowed = len(cells) > bool(wanted.roles)
    conditions: list[str] = []
    values: list[Any] = []
    if cells:
        # A plus sign keeps SQLite from looking every case up where nearly all are wanted: it would sort all runs then.
        column = "run.cell" if narrowed else "+run.cell"
        conditions.append(f"{column} IN (SELECT cell.id FROM {_CELLS} WHERE {' AND '.join(cells)})")
        values += cell_values
    if wanted.sweep is not None:
        conditions.append("run.sweep = ?")
        values.append(find_sweep_id(connection, wanted.sweep))
    elif wanted.purposes:
        # Asked the other way round, since the sweeps that are not wanted are few.
        purposes = [str(purpose) for purpose in wanted.purposes]
        conditions.append(f"+run.sweep NOT IN (SELECT id FROM sweep WHERE NOT {_among('purpose', purposes)})")
        values += purposes
    if wanted.versions:
        found = _matching(connection, "version", wanted.versions, _VERSIONS)
        conditions.append(_among(COLUMN["runtime_version"], found))
        values += found
    for column, chosen in (("status", wanted.statuses), ("verdict", wanted.verdicts)):
        if chosen:
            conditions.append(_among(COLUMN[column], chosen))
            values += map(str, chosen)
    for moment, comparison in ((wanted.since, ">="), (wanted.until, "<")):
        if moment is not None:
            conditions.append(f"{COLUMN['started']} {comparison} ?")
            values.append(to_text(moment))
    if not wanted.every_attempt:
        conditions.append(f"NOT {COLUMN['replaced']}")
    return " AND ".join(conditions) or "1", values


def _of_cells(connection: sqlite3.Connection, wanted: RunFilter) -> tuple[list[str], list[Any]]:
    """What a filter asks of the few rows of `cell`."""
    conditions: list[str] = []
    values: list[Any] = []
    # Patterns are matched here against the few names there are: the same rules as everywhere else in dynofarm.
    for column, kind, field, names in _AXES:
        patterns = getattr(wanted, field)
        if not patterns:
            continue
        found = _matching(connection, kind, patterns, names)
        conditions.append(_among(COLUMN[column], found))
        values += found
    for column, chosen in (("threads", wanted.threads), ("role", wanted.roles)):
        if chosen:
            conditions.append(_among(COLUMN[column], chosen))
            values += [one if isinstance(one, int) else str(one) for one in chosen]
    return conditions, values


def _among(column: str, some: Sequence[Any]) -> str:
    return f"{column} IN ({', '.join('?' * len(some))})"


def sort_column(wanted: RunFilter) -> str:
    """What stands behind the column that a filter sorts by; `UnknownName` lists the keys."""
    if wanted.sort not in SORT_KEYS:
        raise UnknownName(f"cannot sort by {wanted.sort!r}", f"Sort by one of: {', '.join(SORT_KEYS)}.")
    return COLUMN[SORT_KEYS[wanted.sort]]


def find_sweep_id(connection: sqlite3.Connection, wanted: int | str) -> int:
    """A sweep by number, by name (the newest of that name) or `last`; `UnknownName` lists the near names."""
    questions: list[tuple[str, tuple[Any, ...]]] = [("name = ?", (str(wanted),))]
    if wanted == LAST:
        questions = [("1", ())]
    elif str(wanted).isdecimal():
        questions.insert(0, ("id = ?", (int(wanted),)))
    for condition, values in questions:
        row = connection.execute(f"SELECT id FROM sweep WHERE {condition} ORDER BY id DESC LIMIT 1", values).fetchone()
        if row is not None:
            return int(row[0])
    known = [name for (name,) in connection.execute("SELECT DISTINCT name FROM sweep")]
    raise unknown("sweep", str(wanted), known, "dynofarm sweeps")


def _matching(connection: sqlite3.Connection, kind: str, patterns: Iterable[str], names: str) -> list[str]:
    known = [name for (name,) in connection.execute(names) if name is not None]
    found = []
    for pattern in patterns:
        matches = [name for name in known if fnmatchcase(name, pattern)]
        if not matches and not any(letter in pattern for letter in "*?["):
            command = f"dynofarm {kind} list" if kind in ("device", "model") else "dynofarm results"
            raise unknown(kind, pattern, known, command)
        found += matches
    return list(dict.fromkeys(found))
