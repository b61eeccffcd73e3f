"""Readings over time, and the stretches in which something was not as it should be. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.pages.charts.chart import (
    LINE_POINTS,
    MOST_POINTS,
    Axis,
    Chart,
    axis_of,
    chart_spec,
    colour_of,
    dash_of,
    rounded,
    thinned_text,
)
from orchestrator.pages.charts.thinning import thin_series
from orchestrator.pages.names import apart, shown
from orchestrator.pages.tables import Column, Table, make_table


@dataclass(frozen=True)
class Line:
    """One sensor: moments in the unit of the x axis, and readings; None breaks the line."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Limit:
    """A level that readings are held against: a centre, a limit, a start temperature."""

    value: float
    name: str


@dataclass(frozen=True)
class Stretch:
    """From `start` to `end`, on the x axis, something was the matter."""

    start: float
    end: float
    what: str


def series_chart(
    key: str,
    title: str,
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    stretches: Sequence[Stretch] = (),
    limits: Sequence[Limit] = (),
    text: Callable[[float], str] = "{:.4g}".format,
    caption: str = "",
    height: int = 200,
) -> Chart:
    """`text` is how a reading stands in the table."""
    lines = [line for line in lines if any(value is not None for _, value in line.points)]
    names = apart([line.name for line in lines], 40)
    data: list[dict[str, object]] = []
    known = 0
    for line, name in zip(lines, names, strict=True):
        parts = _unbroken(line.points)
        known += sum(map(len, parts))
        most = LINE_POINTS // len(lines)
        for number, part in enumerate(parts):
            share = max(4, most * len(part) // max(1, sum(map(len, parts))))
            kept = thin_series([value for _, value in part], share)
            data += [
                {"name": name, "part": number, "x": rounded(part[place][0]), "y": rounded(part[place][1])}
                for place in kept
            ]
    where = {"x": axis_of("x", x), "y": axis_of("y", y)}
    drawn = {
        "mark": {"type": "line", "strokeWidth": 1.5, "point": len(data) <= 60},
        "encoding": {
            **where,
            "color": colour_of("name", names),
            "strokeDash": dash_of("name", names),
            "detail": {"field": "part"},
        },
        "data": {"values": data},
    }
    spec = chart_spec([*_bands(stretches, x), drawn, *_rules(limits, y)], height=height)
    told = f"{title}: {', '.join(names)} over time.{_stretches_text(stretches)}"
    words = " ".join(part for part in (caption, thinned_text(len(data), known)) if part)
    return Chart(key, title, told, spec, _table(title, lines, stretches, limits, text), words)


def _unbroken(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = [[]]
    for moment, value in points:
        if value is None:
            parts.append([])
        else:
            parts[-1].append((moment, value))
    return [part for part in parts if part]


def _bands(stretches: Sequence[Stretch], x: Axis) -> list[dict[str, object]]:
    """Behind the lines, each with a pattern of its own kind: an edge as well as a colour."""
    if not stretches:
        return []
    data = [{"x": one.start, "x2": one.end, "what": shown(one.what)} for one in stretches[:MOST_POINTS]]
    mark = {"type": "rect", "color": "var(--band)", "stroke": "var(--bad)", "strokeWidth": 1, "strokeDash": [3, 2]}
    where = {"x": axis_of("x", x), "x2": {"field": "x2"}, "tooltip": {"field": "what"}}
    return [{"data": {"values": data}, "mark": mark, "encoding": where}]


def _rules(limits: Sequence[Limit], y: Axis) -> list[dict[str, object]]:
    if not limits:
        return []
    data = {"values": [{"y": one.value, "name": shown(one.name, 40)} for one in limits]}
    where = {"y": axis_of("y", y)}
    line = {"type": "rule", "stroke": "var(--quiet)", "strokeDash": [6, 4]}
    label = {"type": "text", "align": "left", "baseline": "bottom", "dx": 4, "dy": -2, "fill": "var(--quiet)"}
    named = {**where, "x": {"value": 0}, "text": {"field": "name"}}
    return [{"data": data, "mark": line, "encoding": where}, {"data": data, "mark": label, "encoding": named}]


def _stretches_text(stretches: Sequence[Stretch]) -> str:
    if not stretches:
        return ""
    told = ", ".join(dict.fromkeys(shown(one.what) for one in stretches))
    return f" {len(stretches)} stretches are marked: {told}."


def _table(
    title: str,
    lines: Sequence[Line],
    stretches: Sequence[Stretch],
    limits: Sequence[Limit],
    text: Callable[[float], str],
) -> Table:
    rows = []
    for line in lines:
        values = [value for _, value in line.points if value is not None]
        figures = (min(values), median(values), max(values), values[0], values[-1])
        rows.append((line.name, f"{len(values):,}", *(text(value) for value in figures)))
    headings = ("readings", "least", "median", "most", "first", "last")
    notes = [f"{shown(one.name)}: {text(one.value)}." for one in limits]
    notes += [f"{shown(one.what)}: from {one.start:.4g} to {one.end:.4g}." for one in stretches[:20]]
    if len(stretches) > 20:
        notes.append(f"And {len(stretches) - 20} more.")
    return make_table(title, ("sensor", *(Column(one, True) for one in headings)), rows, notes)
