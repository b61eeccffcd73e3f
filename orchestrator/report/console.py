"""The console that reports print on, and its tables: no text from a file or a board is ever taken for markup."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.report.characters import one_line, visible
from orchestrator.report.output import meet, soften_streams

WIDTH_WITHOUT_TERMINAL = 200
"""A table that goes into a file or through grep must not be folded at eighty columns."""

NARROWEST = 40


class ReportConsole(Console):
    """A rich console that goes on in silence when nobody reads any more, and says what else went wrong."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        meet(BrokenPipeError())

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            meet(error)


def report_console() -> Console:
    """Standard output; as wide as the terminal, or wide where there is none."""
    soften_streams()
    console = ReportConsole(highlight=False)
    if sys.stdout is None or not (sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()):
        console.width = WIDTH_WITHOUT_TERMINAL
    console.width = max(NARROWEST, console.width)
    return console


def cell(text: str, style: str = "") -> Text:
    """Text for a table: markup is not read, and what a terminal would obey is spelt out."""
    return Text(one_line(text), style=style)


def words(text: str, style: str = "") -> Text:
    """The same for a paragraph; its lines stay."""
    return Text(visible(text), style=style)


def new_table(headings: Iterable[str], *, right: Iterable[str] = ()) -> Table:
    """An open table; the columns named in `right` hold numbers."""
    table = Table(box=None, pad_edge=False)
    numbers = set(right)
    for heading in headings:
        add_column(table, heading, numeric=heading in numbers)
    return table


def add_column(table: Table, heading: str, *, numeric: bool) -> None:
    """A figure is never cut, a text is folded, and a heading stays in one line."""
    table.add_column(
        heading,
        justify="right" if numeric else "left",
        no_wrap=numeric,
        overflow="fold",
        min_width=len(heading),
    )


def new_grid(lines: Sequence[tuple[str, str]], *, width: int = 0) -> Table:
    """Keys and values, a line each; a value may have several lines."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True, min_width=width)
    grid.add_column(overflow="fold")
    for key, value in lines:
        grid.add_row(cell(key), words(value))
    return grid
