"""Rows of a query, and the documented views, on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from orchestrator.report.characters import one_line
from orchestrator.report.console import OpenTable, cell, new_grid, report_console, words
from orchestrator.store.views import VIEWS

FEW = 3
"""So many columns can be folded and still be read."""


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print the rows of a query; where they are too wide for a table, a line a value."""
    console = report_console()
    texts = [[one_line(_cell(value)) for value in row] for row in rows]
    widths = [max([cell_len(column), *(cell_len(row[at]) for row in texts)]) for at, column in enumerate(columns)]
    if len(columns) > FEW and sum(widths) + 2 * len(widths) > console.width:
        for row in texts:
            console.print(new_grid(list(zip(columns, row, strict=True))))
            console.print()
        return
    table = OpenTable()
    for at, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
        table.add_column(cell(column), justify="right" if numeric else "left", overflow="fold")
    for row in texts:
        table.add_row(*map(cell, row))
    console.print(table)


def _cell(value: Any) -> str:
    """Short, for people; `--json` has every digit."""
    if value is None:
        return "–"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def views_text() -> None:
    """Print every documented view with what its columns mean."""
    console = report_console()
    for view in VIEWS:
        console.print(words(view.name, "bold"), words(view.about))
        console.print(new_grid([(f"  {column.name}", column.about) for column in view.columns]))
        console.print()


def views_values() -> dict[str, dict[str, str]]:
    """The same for scripts: by view and column."""
    return {view.name: {column.name: column.about for column in view.columns} for view in VIEWS}
