"""A sheet on the terminal: columns that find no room are named below it."""

from rich.cells import cell_len
from rich.console import Console

from orchestrator.report.characters import one_line
from orchestrator.report.console import OpenTable, add_column, cell, report_console, words
from orchestrator.report.study.claims import STYLES
from orchestrator.report.study.sheet import Sheet
from orchestrator.study.deciding import Outcome

GAP = 2
LONG_TEXT = 24
"""A text longer than this may be folded, before a column of figures has to go."""


def print_sheet(sheet: Sheet, console: Console | None = None) -> None:
    """Print the table, its notes and its claims."""
    console = console or report_console()
    shown = _that_fit(sheet, console.width)
    table = OpenTable()
    for at in shown:
        add_column(table, one_line(sheet.columns[at].heading), numeric=sheet.columns[at].numeric)
    for row in sheet.rows:
        table.add_row(*(cell(row[at]) for at in shown))
    console.print(table)
    left_out = [column.heading for at, column in enumerate(sheet.columns) if at not in shown]
    if left_out:
        console.print(words(f"no room here for: {', '.join(left_out)}", "dim"))
    for note in sheet.notes:
        console.print(words(note, "dim"), soft_wrap=not console.is_terminal)
    for one in sheet.claims:
        line = words(f"{one.outcome}: ", STYLES[Outcome(one.outcome)]) + words(f"{one.claim}: {one.because}")
        console.print(line, soft_wrap=not console.is_terminal)


def _that_fit(sheet: Sheet, width: int) -> list[int]:
    """The places of the columns that stay: those of the highest rank go first."""
    widths = []
    for at, column in enumerate(sheet.columns):
        widest = max((cell_len(row[at]) for row in sheet.rows), default=0)
        widths.append(max(cell_len(column.heading), widest if column.numeric else min(widest, LONG_TEXT)))
    shown = list(range(len(sheet.columns)))
    while sum(widths[at] + GAP for at in shown) - GAP > width:
        spare = max(shown, key=lambda at: sheet.columns[at].rank)
        if sheet.columns[spare].rank == 0:
            break
        shown.remove(spare)
    return shown
