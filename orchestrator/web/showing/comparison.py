"""Two sides compared: a line a case, its interval as a picture, and what could not be compared. Pure."""

from orchestrator.comparing.verdicts import CaseAnswer, Compared, case_text
from orchestrator.pages.badges import Badge, answer_badge
from orchestrator.pages.charts.chart import Chart
from orchestrator.pages.charts.ratios import Ratio, ratio_chart
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.report.comparison import (
    ORDER,
    answer_text,
    between_text,
    confidence_text,
    interval_text,
    ratio_text,
    runs_text,
    shown_fields,
    thresholds_text,
    unpaired_text,
)
from orchestrator.report.words import latency_text
from orchestrator.web import addresses

MOST_ROWS, MOST_DRAWN = 200, 60
"""Chosen: more lines nobody reads, and more intervals do not fit a screen."""


def in_order(compared: Compared) -> list[CaseAnswer]:
    """What became slower first, then what became faster, then the rest."""
    return sorted(compared.cases, key=lambda case: ORDER.index(case.comparison.answer))


def comparison_table(compared: Compared) -> Table:
    """The same columns as on the terminal; what is undecided says how many more runs it takes."""
    fields = shown_fields(compared)
    figures = ("first ms", "second ms", "ratio", confidence_text(compared))
    columns: list[Column | str] = [
        *fields,
        *(Column(one, True) for one in figures),
        "answer",
        Column("runs", True),
        "remarks",
    ]
    rows: list[tuple[Cell | Badge | str, ...]] = [
        (
            *(_field(case, field) for field in fields),
            latency_text(case.first_ns),
            latency_text(case.second_ns),
            ratio_text(case.comparison.ratio),
            interval_text(case.comparison),
            Cell(badge=answer_badge(case.comparison.answer), note=_more(case)),
            runs_text(case.comparison),
            "; ".join(case.notes),
        )
        for case in in_order(compared)[:MOST_ROWS]
    ]
    notes = [text for text in (thresholds_text(compared), between_text(compared)) if text and compared.cases]
    if len(compared.cases) > MOST_ROWS:
        notes.append(f"The first {MOST_ROWS} of {len(compared.cases)} cases; the CSV file has all.")
    return make_table(f"{compared.second} against {compared.first}", columns, rows, notes)


def interval_chart(compared: Compared) -> Chart | None:
    """Of the first `MOST_DRAWN` cases, as the table has them; None where no case can be compared."""
    if not compared.cases:
        return None
    ratios = [
        Ratio(
            case_text(case),
            case.comparison.ratio,
            case.comparison.low,
            case.comparison.high,
            case.comparison.answer,
            f"{ratio_text(case.comparison.ratio)} ({interval_text(case.comparison)})",
        )
        for case in in_order(compared)[:MOST_DRAWN]
    ]
    widest = max(case.comparison.threshold for case in compared.cases)
    return ratio_chart("ratios", "Ratio of latencies, second side over first", ratios, widest)


def unpaired_lines(compared: Compared) -> list[str]:
    """Which cases are not compared, and why."""
    return [unpaired_text(one) for one in compared.unpaired]


def _field(case: CaseAnswer, field: str) -> Cell:
    text = case.text(field)
    return Cell(text, href=addresses.board(text)) if field == "device" and len(case.devices) == 1 else Cell(text)


def _more(case: CaseAnswer) -> str:
    text = answer_text(case.comparison)
    return text.partition(", ")[2]
