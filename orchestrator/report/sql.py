"""Rows of a query, and the documented views, on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from orchestrator.report.console import report_console
from orchestrator.store.views import VIEWS


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print the rows of a query."""
    table = Table(box=None, pad_edge=False)
    for at, column in enumerate(columns):
        numeric = all(isinstance(row[at], int | float) or row[at] is None for row in rows)
        table.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    report_console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def views_text() -> None:
    """Print every documented view with what its columns mean."""
    console = report_console()
    for view in VIEWS:
        console.print(f"[bold]{view.name}[/bold]  {escape(view.about)}")
        grid = Table(box=None, show_header=False, pad_edge=False)
        for column in view.columns:
            grid.add_row(f"  {column.name}", escape(column.about))
        console.print(grid)
        console.print()
