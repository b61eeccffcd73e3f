"""The console that reports print on, and its tables: no text from a file or a board is ever taken for markup."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from orchestrator.report.characters import one_line, visible
from orchestrator.report.output import meet, soften_streams

WIDTH_WITHOUT_TERMINAL = 200
"""A table that goes into a file or through grep must not be folded at eighty columns."""

NARROWEST = 40

GAP = "  "
"""Between two columns."""


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


class OpenTable(Table):
    """A table without lines. Where all of it fits, as it mostly does, it is written line by line: rich lays out each
    cell for itself, which takes it four milliseconds a row of fourteen. A cell is a `Text`, or a plain text of
    `one_line`."""

    def __init__(self) -> None:
        super().__init__(box=None, pad_edge=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Each column as wide as its widest cell; rich decides what to fold where they find no room."""
        by_column = [[_heading(column), *map(_cell, column.cells)] for column in self.columns]
        widths = [
            max(column.min_width or 0, *map(_width, cells))
            for column, cells in zip(self.columns, by_column, strict=True)
        ]
        folded = any("\n" in one.plain for cells in by_column for one in cells if isinstance(one, Text))
        if folded or sum(widths) + len(GAP) * (len(widths) - 1) > options.max_width:
            for column in self.columns:
                column._cells[:] = [Text(one) if isinstance(one, str) else one for one in column._cells]
            yield from super().__rich_console__(console, options)
            return
        for cells in zip(*by_column, strict=True):
            plain = ""
            for at, (column, width, one) in enumerate(zip(self.columns, widths, cells, strict=True)):
                room = " " * (width - _width(one))
                plain += (GAP if at else "") + (room if column.justify == "right" else "")
                if isinstance(one, str):
                    plain += one
                else:
                    yield Segment(plain)
                    yield from Text().append_text(one).render(console)
                    plain = ""
                plain += "" if column.justify == "right" else room
            yield Segment(plain + "\n")


def _heading(column: Column) -> Text | str:
    heading = _cell(column.header)
    return Text(heading, "table.header") if isinstance(heading, str) else heading


def _cell(content: object) -> Text | str:
    """A text that is like all others needs no more than its characters."""
    if isinstance(content, Text):
        return content if content.style or content.spans or "\n" in content.plain else content.plain
    return str(content)


def _width(content: Text | str) -> int:
    if isinstance(content, Text):
        return content.cell_len
    return len(content) if content.isascii() else cell_len(content)


def new_table(headings: Iterable[str], *, right: Iterable[str] = ()) -> Table:
    """An open table; the columns named in `right` hold numbers."""
    table = OpenTable()
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
