"""The history of cases: a picture each, and since when which is another. Pure."""

from collections.abc import Sequence

from orchestrator.comparing.history import History
from orchestrator.comparing.verdicts import run_text
from orchestrator.pages.charts.chart import Axis, Chart
from orchestrator.pages.charts.history import Level, Moment, history_chart
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.report.history import change_text
from orchestrator.report.words import latency_text
from orchestrator.web import addresses

MOST_CHARTS = 12
"""Chosen: more pictures than that nobody compares by eye, and a browser draws them slowly."""


def histories_table(found: Sequence[History]) -> Table:
    """A line a case."""
    columns: list[Column | str] = ["case", *(Column(one, True) for one in ("sweeps", "first ms", "last ms")), "changes"]
    rows = []
    for one in found:
        middles = [point.median_ns for point in one.points]
        first, last = (latency_text(middles[place]) if middles else "–" for place in (0, -1))
        told = "; ".join(change_text(change) for change in one.changes) or "none that stands out"
        case = addresses.case_of_run(one.run)
        name = Cell(run_text(one.run, one.apart), href=addresses.history(case) if case is not None else "")
        rows.append((name, str(len(middles)), first, last, told))
    return make_table("Cases over the stored sweeps", columns, rows)


def history_charts(found: Sequence[History]) -> list[Chart]:
    """Those that changed first; cases of a single sweep have nothing to show."""
    drawn = [one for one in found if len(one.points) > 1]
    drawn.sort(key=lambda one: not one.changes)
    return [_chart(number, one) for number, one in enumerate(drawn[:MOST_CHARTS], 1)]


def _chart(number: int, one: History) -> Chart:
    moments = [
        Moment(
            point.started,
            point.median_ns / 1e6,
            latency_text(point.median_ns),
            f"sweep {point.sweep_id}",
            addresses.sweep(point.sweep_id),
        )
        for point in one.points
    ]
    return history_chart(
        f"history-{number}",
        run_text(one.run, one.apart),
        moments,
        _levels(one),
        Axis("median latency, ms", better="less"),
    )


def _levels(one: History) -> list[Level]:
    """The steps between changes. The level before the first change is what that change began from."""
    last = len(one.points) - 1
    if not one.changes:
        middles = sorted(point.median_ns for point in one.points)
        return [Level(0, last, middles[len(middles) // 2] / 1e6)]
    levels = [Level(0, one.changes[0].step.index - 1, one.changes[0].step.before / 1e6)]
    ends = [change.step.index - 1 for change in one.changes[1:]] + [last]
    for change, end in zip(one.changes, ends, strict=True):
        levels.append(Level(change.step.index, end, change.step.after / 1e6, change_text(change)))
    return levels
