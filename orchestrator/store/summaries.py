"""Lists of runs and of cases, read from the tables that `runs_view` names. Standard library only: whoever just wants
to see results does not wait for SQLAlchemy."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from orchestrator.records import RunFilter, RunSummary
from orchestrator.runs import Role, RunStatus
from orchestrator.store.filters import COLUMN, narrow, sort_column
from orchestrator.store.moments import from_text
from orchestrator.store.views import RUNS
from orchestrator.trust.verdicts import Verdict

SUMMARY_COLUMNS = tuple(field.name for field in fields(RunSummary))
"""`RunSummary` has columns of `runs_view` of the same names, in this order."""

SELECT = f"SELECT {', '.join(COLUMN[name] for name in SUMMARY_COLUMNS)} FROM {RUNS.source}"

RUNS_READ = 2000
"""Chosen: so many runs become a table within two tenths of a second."""

CASES_SHOWN = 50
"""Chosen, where there are more runs than that: a screen full. Who wants more looks for something, and can say what."""

LEAST_RUNS_A_CASE = 10
"""Chosen: a board's speed may change (a new fan, a new kernel); the newest runs say what it is."""

_LISTED = {f"run.{column}" for column in ("started", "status", "verdict", "median_ns")}
"""What `ix_run_cell_started` holds."""

_AT = {name: SUMMARY_COLUMNS.index(name) for name in SUMMARY_COLUMNS}
_STATUS, _OPTIONS, _ROLE, _VERDICT = (_AT[name] for name in ("status", "options", "role", "verdict"))
_STARTED, _FINISHED, _STEADY, _REASONS = (_AT[name] for name in ("started", "finished", "steady", "reasons"))
_STATUSES = {str(one): one for one in RunStatus}
_ROLES = {str(one): one for one in Role}
_VERDICTS: dict[str | None, Verdict | None] = {None: None, **{str(one): one for one in Verdict}}


@dataclass(frozen=True)
class Excerpt:
    """The runs of the first `cases` of `all_cases` that a filter lets through: of each case all, or where that were too
    many (`of_newest`) the newest `each`."""

    runs: tuple[RunSummary, ...]
    cases: int
    all_cases: int
    each: int
    of_newest: bool


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
    return RunSummary(*ordered)


def each_run(connection: sqlite3.Connection, wanted: RunFilter) -> Iterator[RunSummary]:
    """Summaries of the runs that a filter lets through, in its order, read while they are asked for. Runs that lack
    the figure to be sorted by come last either way, and equal ones in the order they were stored."""
    condition, values = narrow(connection, wanted)
    column, way = sort_column(wanted), "DESC" if wanted.descending else "ASC"
    # An index gives the order of a column that is never NULL, and the first run comes at once.
    nulls = "" if column == COLUMN["started"] else " NULLS LAST"
    query = f"{SELECT} WHERE {condition} ORDER BY {column} {way}{nulls}, run.id"
    if wanted.limit is not None:
        query += f" LIMIT {int(wanted.limit)}"
    return map(summary_from_values, connection.execute(query, values))


def count_runs(connection: sqlite3.Connection, wanted: RunFilter) -> int:
    """How many there are, whatever the filter's own limit."""
    condition, values = narrow(connection, wanted)
    query = f"SELECT count(*) FROM run WHERE {condition}"
    return int(connection.execute(query, values).fetchone()[0])


def newest_runs(connection: sqlite3.Connection, wanted: RunFilter, limit: int) -> list[RunSummary]:
    """At most so many: the newest in order of time; in any other order the first."""
    if wanted.sort != "started" or wanted.descending:
        return list(each_run(connection, replace(wanted, limit=limit)))
    return list(each_run(connection, replace(wanted, descending=True, limit=limit)))[::-1]


def first_cases(connection: sqlite3.Connection, wanted: RunFilter, cases: int = CASES_SHOWN) -> Excerpt:
    """The runs of the cases that come first in the filter's order; in order of time: of the cases that ran last.

    A filter that lets more runs through than people read is answered with the newest runs of each case.
    """
    condition, values = narrow(connection, wanted)
    column = sort_column(wanted)
    by_time = column == COLUMN["started"]
    first = "max" if wanted.descending or by_time else "min"
    # What the index holds needs no other table; without being told, SQLite would read every run.
    source = "run INDEXED BY ix_run_cell_started" if column in _LISTED else RUNS.source
    found = connection.execute(
        f"SELECT run.cell, count(*), {first}({column}) AS key FROM {source} WHERE {condition} "
        f"GROUP BY run.cell ORDER BY key {'DESC' if first == 'max' else 'ASC'} NULLS LAST, run.cell",
        values,
    ).fetchall()
    few = sum(count for _, count, _ in found) <= RUNS_READ
    shown = found if few else found[:cases]
    each = RUNS_READ if few else max(LEAST_RUNS_A_CASE, RUNS_READ // 4 // max(1, len(shown)))
    newest = f"{SELECT} WHERE {condition} AND run.cell = ? ORDER BY run.started DESC, run.id DESC LIMIT {each}"
    runs: list[RunSummary] = []
    for cell, _, _ in reversed(shown) if by_time and not wanted.descending else shown:
        rows = connection.execute(newest, (*values, cell)).fetchall()
        runs.extend(map(summary_from_values, reversed(rows)))
    return Excerpt(tuple(runs), len(shown), len(found), each, any(count > each for _, count, _ in shown))


def medians(connection: sqlite3.Connection, wanted: RunFilter) -> dict[str, list[tuple[int, float]]]:
    """For a comparison: by case, the block and the median latency (ns) of each measured run, in order of time."""
    condition, values = narrow(connection, replace(wanted, statuses=(RunStatus.OK,)))
    columns = ", ".join(COLUMN[name] for name in ("case_key", "block", "median_ns"))
    query = f"SELECT {columns} FROM {RUNS.source} WHERE {condition} AND run.median_ns > 0 ORDER BY run.started, run.id"
    found: dict[str, list[tuple[int, float]]] = {}
    for case_key, block, median_ns in connection.execute(query, values):
        found.setdefault(case_key, []).append((block, median_ns))
    return found
