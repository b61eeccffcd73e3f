"""From a `RunFilter` to the WHERE and ORDER BY of a query over `runs_view`. Standard library only."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from orchestrator.errors import UnknownName
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store.moments import to_text
from orchestrator.store.names import unknown
from orchestrator.store.views.runs import RUNS

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

LONGEST_NUMBER = 18
"""Digits; of more SQLite makes no integer."""

_VERSIONS = "SELECT DISTINCT runtime_version FROM run"
CELLS = "cell JOIN model ON model.id = cell.model"

FEW = 0.5
"""Chosen: of the cells. Their runs are found by an index, and sorted; above that all runs are read in their order."""

_AXES = (
    ("device", "device", "devices", "SELECT name FROM device"),
    ("model", "model", "models", "SELECT DISTINCT name FROM model"),
    ("runtime", "runtime", "runtimes", "SELECT DISTINCT runtime FROM cell"),
    ("delegate", "delegate", "delegates", "SELECT DISTINCT delegate FROM cell"),
)


@dataclass(frozen=True)
class Narrowed:
    """What a filter asks of the rows of `cell` (joined with `model`), and of those of `run`; each with its parameters.
    Empty: nothing is asked. `of_few`: the cells that it lets through are few among all. `rare`: so are the runs, by how
    they ended."""

    cells: str
    cell_values: tuple[Any, ...]
    runs: str
    run_values: tuple[Any, ...]
    of_few: bool
    rare: bool

    @property
    def condition(self) -> str:
        """Both, asked of `run` alone."""
        # A plus sign keeps SQLite from looking every case up where nearly all are wanted: it would sort all runs then.
        column = "run.cell" if self.of_few else "+run.cell"
        cells = f"{column} IN (SELECT cell.id FROM {CELLS} WHERE {self.cells})" if self.cells else ""
        return " AND ".join(one for one in (cells, self.runs) if one) or "1"

    @property
    def values(self) -> tuple[Any, ...]:
        return (*self.cell_values, *self.run_values)


def narrow(connection: sqlite3.Connection, wanted: RunFilter) -> Narrowed:
    """A filter as SQL. `UnknownName` for a name, not a pattern, that was never seen."""
    cells, cell_values, of_few = _of_cells(connection, wanted)
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.sweep is not None:
        conditions.append("run.sweep = ?")
        values.append(find_sweep_id(connection, wanted.sweep))
    elif wanted.purposes:
        # Asked the other way round, since the sweeps that are not wanted are few, and mostly none.
        purposes = [str(purpose) for purpose in wanted.purposes]
        others = f"SELECT id FROM sweep WHERE NOT {_among('purpose', purposes)}"
        if connection.execute(f"{others} LIMIT 1", purposes).fetchone():
            conditions.append(f"+run.sweep NOT IN ({others})")
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
    rare = bool(wanted.verdicts) or (bool(wanted.statuses) and RunStatus.OK not in wanted.statuses)
    return Narrowed(cells, tuple(cell_values), " AND ".join(conditions), tuple(values), of_few, rare)


def _of_cells(connection: sqlite3.Connection, wanted: RunFilter) -> tuple[str, list[Any], bool]:
    """What a filter asks of the rows of `cell`, and whether these are few. There are not many, so they are counted
    first: what all of them fulfil need not be asked of a hundred thousand runs, and what none does, of no run."""
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
    if not conditions:
        return "", [], False
    condition = " AND ".join(conditions)
    count = f"SELECT (SELECT count(*) FROM cell), (SELECT count(*) FROM {CELLS} WHERE {condition})"
    everything, let_through = connection.execute(count, values).fetchone()
    if let_through == everything:
        return "", [], False
    if not let_through:
        return "0", [], True
    return condition, values, let_through <= FEW * everything


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
    elif str(wanted).isdecimal() and len(str(wanted)) <= LONGEST_NUMBER:
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
