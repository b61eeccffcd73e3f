"""What a person looks at first: the cases that ran last, or come first in an order. Standard library only, as
`summaries.py`. Of a hundred thousand runs no more is looked at than tells which cases these are."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from orchestrator.records import RunFilter, RunSummary
from orchestrator.store.filters import CELLS, COLUMN, Narrowed, narrow, sort_column
from orchestrator.store.summaries import SELECT, summary_from_values

RUNS_READ = 2000
"""Chosen: so many runs become a table within two tenths of a second."""

CASES_SHOWN = 50
"""Chosen, where there are more runs than that: a screen full. Who wants more looks for something, and can say what."""

LEAST_RUNS_A_CASE = 10
"""Chosen: a board's speed may change (a new fan, a new kernel); the newest runs say what it is."""

_INDEX = "run INDEXED BY ix_run_cell_started"
"""Has all that a list of cases is narrowed and usually sorted by; without being told, SQLite would read every run."""

_LISTED = {f"run.{column}" for column in ("started", "status", "verdict", "median_ns")}

_NUMBERS_AT_ONCE = 500
"""SQLite takes a limited number of values in one statement."""


@dataclass(frozen=True)
class Excerpt:
    """The runs of the first `cases` of `all_cases` that a filter lets through: of each case all, or where that were too
    many (`of_newest`) the newest `each`."""

    runs: tuple[RunSummary, ...]
    cases: int
    all_cases: int
    each: int
    of_newest: bool


@dataclass(frozen=True)
class _Order:
    """The order of cases: by the least or the greatest of a column among the runs of each."""

    column: str
    greatest: bool
    reverse: bool
    """Whether the case that comes first is shown last: in order of time people read the newest at the end."""

    @property
    def first(self) -> str:
        return "max" if self.greatest else "min"

    @property
    def by(self) -> str:
        return f"{'DESC' if self.greatest else 'ASC'} NULLS LAST"


def first_cases(connection: sqlite3.Connection, wanted: RunFilter, cases: int = CASES_SHOWN) -> Excerpt:
    """The runs of the cases that come first in the filter's order; in order of time: of the cases that ran last.

    A filter that lets more runs through than people read is answered with the newest runs of each case.
    """
    found = narrow(connection, wanted)
    column = sort_column(wanted)
    by_time = column == COLUMN["started"]
    order = _Order(column, wanted.descending or by_time, by_time and not wanted.descending)
    if _are_few(connection, found):
        return _all_cases(connection, found, order)
    numbers = _cells_in_order(connection, found, order)
    return _newest_of(connection, found, numbers[:cases][:: -1 if order.reverse else 1], len(numbers))


def cases_behind(
    connection: sqlite3.Connection, wanted: RunFilter, after: int | None, cases: int = CASES_SHOWN
) -> tuple[Excerpt, int | None]:
    """The next cases behind the one with the number `after`, in the filter's order, those that ran last first where it
    descends in time; and the number of the last of them, None where no more follow."""
    found = narrow(connection, wanted)
    numbers = _cells_in_order(connection, found, _Order(sort_column(wanted), wanted.descending, reverse=False))
    start = numbers.index(after) + 1 if after in numbers else 0
    shown = numbers[start : start + cases]
    more = start + cases < len(numbers)
    return _newest_of(connection, found, shown, len(numbers)), shown[-1] if more else None


def _newest_of(connection: sqlite3.Connection, found: Narrowed, shown: list[int], all_cases: int) -> Excerpt:
    """Of those cases the newest runs that a filter lets through."""
    each = max(LEAST_RUNS_A_CASE, RUNS_READ // 4 // max(1, len(shown)))
    newest = (
        f"SELECT run.id FROM {_INDEX} WHERE run.cell = ? AND {found.runs or '1'} "
        f"ORDER BY run.started DESC, run.id DESC LIMIT {each + 1}"
    )
    of_cells = [[run for (run,) in connection.execute(newest, (cell, *found.run_values))] for cell in shown]
    wanted_runs = [run for runs in of_cells for run in reversed(runs[:each])]
    of_newest = any(len(runs) > each for runs in of_cells)
    return Excerpt(_whole(connection, wanted_runs), len(shown), all_cases, each, of_newest)


def _are_few(connection: sqlite3.Connection, found: Narrowed) -> bool:
    """Whether people read them all."""
    query = f"SELECT 1 FROM run WHERE {found.condition} LIMIT {RUNS_READ + 1}"
    (count,) = connection.execute(f"SELECT count(*) FROM ({query})", found.values).fetchone()
    return int(count) <= RUNS_READ


def _all_cases(connection: sqlite3.Connection, found: Narrowed, order: _Order) -> Excerpt:
    """Every run that a filter lets through, case by case."""
    columns = SELECT.removeprefix("SELECT ")
    # Indexes tell which runs they are; putting them in order takes less here than rows of fifty columns take there.
    among = f"run.id IN (SELECT run.id FROM run WHERE {found.condition})"
    query = f"SELECT run.cell, run.started, run.id, {order.column}, {columns} WHERE {among}"
    of_cells: dict[int, list[tuple[Any, ...]]] = {}
    for row in sorted(connection.execute(query, found.values), key=itemgetter(0, 1, 2)):
        of_cells.setdefault(row[0], []).append(row[3:])
    parts = [(part, [key for key, *_ in part if key is not None]) for part in of_cells.values()]
    pick = max if order.greatest else min
    known = sorted((one for one in parts if one[1]), key=lambda one: pick(one[1]), reverse=order.greatest)
    parts = [*known, *(one for one in parts if not one[1])][:: -1 if order.reverse else 1]
    runs = tuple(summary_from_values(row[1:]) for part, _ in parts for row in part)
    return Excerpt(runs, len(parts), len(parts), RUNS_READ, of_newest=False)


def _cells_in_order(connection: sqlite3.Connection, found: Narrowed, order: _Order) -> list[int]:
    """The numbers of all cells that have runs which a filter lets through."""
    cells = f"{CELLS} WHERE {found.cells or '1'}"
    of_cell = f"FROM {_INDEX} WHERE run.cell = cell.id AND {found.runs or '1'}"
    if order.column == COLUMN["started"]:  # the index leads to the last one of each cell
        key = f"(SELECT run.started {of_cell} ORDER BY run.started DESC LIMIT 1)"
        query = f"SELECT cell.id, {key} AS key FROM {cells} AND key IS NOT NULL"
        values = (*found.run_values, *found.cell_values)
    elif not order.column.startswith("run."):  # all runs of a cell agree
        query = f"SELECT cell.id, {order.column} AS key FROM {cells} AND EXISTS (SELECT 1 {of_cell})"
        values = (*found.cell_values, *found.run_values)
    else:
        source = _INDEX if order.column in _LISTED else "run"
        query = f"SELECT run.cell AS id, {order.first}({order.column}) AS key FROM {source} WHERE {found.condition} "
        query += "GROUP BY run.cell"
        values = found.values
    query = f"SELECT id FROM ({query}) ORDER BY key {order.by}, id"
    return [number for (number,) in connection.execute(query, values)]


def _whole(connection: sqlite3.Connection, numbers: Iterable[int]) -> tuple[RunSummary, ...]:
    """The summaries of those runs, in the order of their numbers' list."""
    listed = list(numbers)
    known: dict[int, RunSummary] = {}
    columns = SELECT.removeprefix("SELECT ")
    for start in range(0, len(listed), _NUMBERS_AT_ONCE):
        some = listed[start : start + _NUMBERS_AT_ONCE]
        query = f"SELECT run.id, {columns} WHERE run.id IN ({', '.join('?' * len(some))})"
        known.update({row[0]: summary_from_values(row[1:]) for row in connection.execute(query, some)})
    return tuple(known[number] for number in listed)
