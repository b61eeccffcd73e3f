"""Runs, a page of them at a time. A page begins behind the last run of the one before, by what they are sorted by and
by their number: the thousandth page costs as much as the first, and runs that come meanwhile shift nothing."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from orchestrator.records import RunFilter, RunSummary
from orchestrator.store.filters import COLUMN, narrow, sort_column
from orchestrator.store.summaries import SELECT, summary_from_values


@dataclass(frozen=True)
class Place:
    """A run's place in an order: what it is sorted by (None where it lacks that), and its number."""

    key: Any
    number: int


@dataclass(frozen=True)
class RunsPage:
    """Some runs in order, the place of the last one (None: there are no more), and how many the filter lets through."""

    runs: tuple[RunSummary, ...]
    last: Place | None
    all_runs: int


def runs_page(connection: sqlite3.Connection, wanted: RunFilter, after: Place | None, size: int) -> RunsPage:
    """At most `size` runs behind `after`, in the filter's order; runs that lack the figure come last either way.
    `UnknownName` as for every filter."""
    found = narrow(connection, wanted)
    column = sort_column(wanted)
    way, beyond = ("DESC", "<") if wanted.descending else ("ASC", ">")
    nulls = "" if column == COLUMN["started"] else " NULLS LAST"
    behind, values = _behind(column, beyond, after)
    # Texts of another table need that table; the columns of a run are found in its indexes.
    source = (
        "run"
        if column.startswith("run.")
        else "run JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model"
    )
    numbers = (
        f"SELECT run.id, {column} FROM {source} WHERE {found.condition} AND {behind} "
        f"ORDER BY {'+' if found.rare else ''}{column} {way}{nulls}, run.id {way} LIMIT {int(size) + 1}"
    )
    rows = connection.execute(numbers, (*found.values, *values)).fetchall()
    shown = rows[:size]
    last = Place(shown[-1][1], shown[-1][0]) if len(rows) > size else None
    count = f"SELECT count(*) FROM run WHERE {found.condition}"
    (all_runs,) = connection.execute(count, found.values).fetchone()
    return RunsPage(_whole(connection, [number for number, _ in shown]), last, all_runs)


def _behind(column: str, beyond: str, after: Place | None) -> tuple[str, tuple[Any, ...]]:
    if after is None:
        return "1", ()
    if after.key is None:
        return f"{column} IS NULL AND run.id {beyond} ?", (after.number,)
    if column == COLUMN["started"]:
        return f"({column}, run.id) {beyond} (?, ?)", (after.key, after.number)
    same = f"({column} = ? AND run.id {beyond} ?)"
    return f"({column} {beyond} ? OR {same} OR {column} IS NULL)", (after.key, after.key, after.number)


def _whole(connection: sqlite3.Connection, numbers: list[int]) -> tuple[RunSummary, ...]:
    """In the order of their numbers' list."""
    columns = SELECT.removeprefix("SELECT ")
    query = f"SELECT run.id, {columns} WHERE run.id IN ({', '.join('?' * len(numbers))})"
    known = {row[0]: summary_from_values(row[1:]) for row in connection.execute(query, numbers)}
    return tuple(known[number] for number in numbers)
