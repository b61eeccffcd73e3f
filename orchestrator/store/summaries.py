"""Lists of runs, read from the tables that `runs_view` names. Standard library only: whoever just wants
to see results does not wait for SQLAlchemy."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from orchestrator.records import RunFilter, RunSummary
from orchestrator.runs import Role, RunStatus
from orchestrator.store.filters import COLUMN, narrow, sort_column
from orchestrator.store.moments import from_text
from orchestrator.store.views.runs import RUNS
from orchestrator.trust.verdicts import Verdict

SUMMARY_COLUMNS = tuple(field.name for field in fields(RunSummary))
"""`RunSummary` has columns of `runs_view` of the same names, in this order."""

SELECT = f"SELECT {', '.join(COLUMN[name] for name in SUMMARY_COLUMNS)} FROM {RUNS.source}"

_AT = {name: SUMMARY_COLUMNS.index(name) for name in SUMMARY_COLUMNS}
_STATUS, _OPTIONS, _ROLE, _VERDICT = (_AT[name] for name in ("status", "options", "role", "verdict"))
_STARTED, _FINISHED, _STEADY, _REASONS = (_AT[name] for name in ("started", "finished", "steady", "reasons"))
_STATUSES = {str(one): one for one in RunStatus}
_ROLES = {str(one): one for one in Role}
_VERDICTS: dict[str | None, Verdict | None] = {None: None, **{str(one): one for one in Verdict}}


def summary_from_values(values: Iterable[Any]) -> RunSummary:
    """`values` as the database has them, in the order of `SUMMARY_COLUMNS`; by position: a list has thousands."""
    ordered = list(values)
    ordered[_STATUS] = _STATUSES[ordered[_STATUS]]
    ordered[_OPTIONS] = {} if ordered[_OPTIONS] == "{}" else json.loads(ordered[_OPTIONS])
    ordered[_ROLE] = _ROLES[ordered[_ROLE]]
    ordered[_VERDICT] = _VERDICTS[ordered[_VERDICT]]
    ordered[_STARTED] = from_text(ordered[_STARTED])
    ordered[_FINISHED] = from_text(ordered[_FINISHED])
    if ordered[_STEADY] is not None:
        ordered[_STEADY] = bool(ordered[_STEADY])
    reasons = ordered[_REASONS]
    ordered[_REASONS] = " ".join(one["code"] for one in json.loads(reasons)) if reasons and reasons != "[]" else ""
    # As the class itself would, in a fifth of the time: it sets fifty fields one by one, since they are frozen.
    summary = object.__new__(RunSummary)
    vars(summary).update(zip(SUMMARY_COLUMNS, ordered, strict=True))
    return summary


def each_run(connection: sqlite3.Connection, wanted: RunFilter) -> Iterator[RunSummary]:
    """Summaries of the runs that a filter lets through, in its order, read while they are asked for. Runs that lack
    the figure to be sorted by come last either way, and equal ones in the order they were stored."""
    found = narrow(connection, wanted)
    column, way = sort_column(wanted), "DESC" if wanted.descending else "ASC"
    # An index gives the order of a column that is never NULL, and the first run comes at once.
    order = f"{column} {way}{'' if column == COLUMN['started'] else ' NULLS LAST'}, run.id"
    condition = found.condition
    if wanted.limit is not None and column.startswith("run."):
        # Which runs they are is told by indexes: only so many are read whole. The plus sign keeps SQLite from reading
        # run after run in order of time until it has met enough of a rare kind.
        first = f"+{order}" if found.rare else order
        condition = f"run.id IN (SELECT run.id FROM run WHERE {condition} ORDER BY {first} LIMIT {int(wanted.limit)})"
    query = f"{SELECT} WHERE {condition} ORDER BY {order}"
    if wanted.limit is not None:
        query += f" LIMIT {int(wanted.limit)}"
    return map(summary_from_values, connection.execute(query, found.values))


def count_runs(connection: sqlite3.Connection, wanted: RunFilter) -> int:
    """How many there are, whatever the filter's own limit."""
    found = narrow(connection, wanted)
    return int(connection.execute(f"SELECT count(*) FROM run WHERE {found.condition}", found.values).fetchone()[0])


def newest_runs(connection: sqlite3.Connection, wanted: RunFilter, limit: int) -> list[RunSummary]:
    """At most so many: the newest in order of time; in any other order the first."""
    if wanted.sort != "started" or wanted.descending:
        return list(each_run(connection, replace(wanted, limit=limit)))
    return list(each_run(connection, replace(wanted, descending=True, limit=limit)))[::-1]


def runs_of_newest_sweeps(connection: sqlite3.Connection, wanted: RunFilter) -> list[RunSummary]:
    """Of each cell that a filter means, the runs of the last sweep in which something came of it; in order of time. A
    board that was measured every night for a year is asked for one night."""
    found = narrow(connection, wanted)
    tried = f"{found.condition} AND run.status != 'lost'"
    newest = f"SELECT run.cell AS cell, max(run.sweep) AS sweep FROM run WHERE {tried} GROUP BY run.cell"
    # The index of a cell's runs has all that is asked for here.
    numbers = (
        f"SELECT run.id FROM ({newest}) AS newest CROSS JOIN run INDEXED BY ix_run_cell_started "
        "ON run.cell = newest.cell AND run.sweep = newest.sweep WHERE NOT run.replaced AND run.status != 'lost'"
    )
    query = f"{SELECT} WHERE run.id IN ({numbers}) ORDER BY run.started, run.id"
    return [summary_from_values(row) for row in connection.execute(query, found.values)]


def medians(connection: sqlite3.Connection, wanted: RunFilter) -> dict[str, list[tuple[int, float]]]:
    """For a comparison: by case, the block and the median latency (ns) of each measured run, in order of time."""
    measured = narrow(connection, replace(wanted, statuses=(RunStatus.OK,)))
    columns = ", ".join(COLUMN[name] for name in ("case_key", "block", "median_ns"))
    condition = f"{measured.condition} AND run.median_ns > 0"
    query = f"SELECT {columns} FROM {RUNS.source} WHERE {condition} ORDER BY run.started, run.id"
    found: dict[str, list[tuple[int, float]]] = {}
    for case_key, block, median_ns in connection.execute(query, measured.values):
        found.setdefault(case_key, []).append((block, median_ns))
    return found
