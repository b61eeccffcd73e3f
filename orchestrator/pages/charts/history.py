"""A case over many sweeps, with the levels between its change points. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.pages.charts.chart import MOST_POINTS, Axis, Chart, axis_of, chart_spec
from orchestrator.pages.charts.thinning import thin_series
from orchestrator.pages.names import shown
from orchestrator.pages.tables import Cell, Column, Table, make_table


@dataclass(frozen=True)
class Moment:
    """A case in one sweep. `label` names the sweep; `text` is the figure as the table has it."""

    at: datetime
    value: float
    text: str
    label: str
    href: str = ""


@dataclass(frozen=True)
class Level:
    """From one change to the next: places of the first and the last moment, the value there, and what changed at its
    beginning, in words; empty for the first."""

    first: int
    last: int
    value: float
    change: str = ""


def history_chart(
    key: str, title: str, moments: Sequence[Moment], levels: Sequence[Level], y: Axis, caption: str = ""
) -> Chart:
    """`moments` in order of time."""
    kept = thin_series([one.value for one in moments], MOST_POINTS)
    data = [_row(moments[place]) for place in kept]
    steps = [
        {"x": _ms(moments[one.first].at), "x2": _ms(moments[one.last].at), "y": one.value, "change": shown(one.change)}
        for one in levels
    ]
    x = {"field": "x", "type": "temporal", "scale": {"type": "utc"}, "axis": {"title": "time (UTC)", "tickCount": 6}}
    where = {"x": x, "y": axis_of("y", y)}
    spec = chart_spec(
        [
            {
                "data": {"values": [step for step in steps if step["change"]]},
                "mark": {"type": "rule", "stroke": "var(--bad)", "strokeDash": [4, 3], "strokeWidth": 1.5},
                "encoding": {"x": x, "tooltip": {"field": "change"}},
            },
            {
                "data": {"values": steps},
                "mark": {"type": "rule", "stroke": "var(--quiet)", "strokeWidth": 2},
                "encoding": {**where, "x2": {"field": "x2"}},
            },
            {
                "data": {"values": data},
                "mark": {"type": "point", "filled": True, "size": 50, "color": "var(--series-1)"},
                "encoding": {
                    **where,
                    "tooltip": [{"field": "label", "title": "sweep"}, {"field": "text", "title": y.title}],
                },
            },
        ],
        height=240,
    )
    changes = [one.change for one in levels if one.change]
    told = f"{title}: {len(moments)} sweeps; " + (f"{len(changes)} changes: {'; '.join(changes)}" if changes else "")
    told = told if changes else f"{told}no change of its level was found."
    return Chart(key, title, told, spec, _table(title, moments, levels, y), caption)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _row(moment: Moment) -> dict[str, object]:
    return {"x": _ms(moment.at), "y": moment.value, "label": shown(moment.label), "text": shown(moment.text)}


def _table(title: str, moments: Sequence[Moment], levels: Sequence[Level], y: Axis) -> Table:
    changes = {level.first: level.change for level in levels}
    rows = [
        (
            Cell(one.label, href=one.href),
            f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            one.text,
            changes.get(place, ""),
        )
        for place, one in enumerate(moments)
    ]
    return make_table(title, ("sweep", "when", Column(y.title, True), "what changed"), rows)
