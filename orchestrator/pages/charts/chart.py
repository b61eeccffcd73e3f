"""What every chart has in common: its words, its table, its looks. Pure.

Colours are names of the style sheet's, so that a page in the dark or on paper needs no other spec. Fields have names of
ours, and what users named stands in values alone: no text of theirs is ever an expression or a field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.pages.tables import Table

MOST_POINTS = 5000
"""No chart draws more: beyond it a browser becomes slow, and an eye sees no difference."""

LINE_POINTS = 2000
"""Of all lines of a chart together: the least and the most of each pixel's width on a screen of a thousand."""

MOST_NAMED = 16
"""A longer legend would be larger than its chart: the table names them all."""

SERIES_COLOURS = tuple(f"var(--series-{number})" for number in range(1, 9))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 4], [1, 3], [12, 3, 3, 3])
_FONT = "system-ui, sans-serif"


@dataclass(frozen=True)
class Axis:
    """`title` says what it is and in which unit. `better`: `less`, `more`, or nothing where neither is.

    `format` is a number format of d3's, as Vega-Lite takes it.
    """

    title: str
    better: str = ""
    log: bool = False
    zero: bool = False
    format: str = ",.6~g"

    @property
    def told(self) -> str:
        arrow = {"less": " (less is better)", "more": " (more is better)"}.get(self.better, "")
        return self.title + arrow


@dataclass(frozen=True)
class Chart:
    """`key` is its name on the page (letters, digits, hyphens). `description` is what is read aloud in its place;
    `caption` says how to read it, and what was thinned out. `table` has the same figures. `wide` ones have long names
    beside them, and stand alone in their row."""

    key: str
    title: str
    description: str
    spec: Mapping[str, Any]
    table: Table
    caption: str = ""
    wide: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.table.rows


def chart_spec(layers: Sequence[Mapping[str, Any]], height: int = 260, **more: Any) -> dict[str, Any]:
    """A whole spec, as wide as the place it stands in."""
    return {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": "transparent",
        "config": _CONFIG,
        "layer": [dict(layer) for layer in layers],
        **more,
    }


def axis_of(field: str, axis: Axis, **more: Any) -> dict[str, Any]:
    """A quantitative channel."""
    scale: dict[str, Any] = {"type": "log"} if axis.log else {"zero": axis.zero}
    drawn = {"title": axis.told, "format": axis.format, **({"tickCount": 5} if axis.log else {})}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": drawn, **more}


def colour_of(field: str, names: Sequence[str]) -> dict[str, Any]:
    """By name, in the order given; the ninth has the first one's colour again, and another shape or dash."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": _cycled(SERIES_COLOURS, len(names))},
        "legend": _legend(names),
    }


def shape_of(field: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": _cycled(SHAPES, len(names))},
        "legend": _legend(names),
    }


def dash_of(field: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": _cycled(DASHES, len(names))},
        "legend": _legend(names),
    }


def rounded(value: float) -> float:
    """Six digits: more than a screen shows, and a third of the bytes."""
    return float(f"{value:.6g}")


def is_wide(values: Sequence[float]) -> bool:
    """Whether they ask for a logarithmic axis: above zero, and more than twenty times apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 20


def thinned_text(shown: int, known: int) -> str:
    """A sentence for a caption; nothing where all are drawn."""
    if shown >= known:
        return ""
    return f"{shown:,} of {known:,} points are drawn, the least and the most of each stretch among them."


def _legend(names: Sequence[str]) -> dict[str, Any] | None:
    return {"title": None} if 1 < len(names) <= MOST_NAMED else None


def _cycled(values: Sequence[Any], count: int) -> list[Any]:
    return [values[place % len(values)] for place in range(max(1, count))]


_CONFIG = {
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--grid)",
        "tickColor": "var(--line)",
        "labelColor": "var(--quiet)",
        "titleColor": "var(--ink)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 600,
        "labelLimit": 150,
        "titlePadding": 8,
    },
    "axisY": {"labelLimit": 280},
    "legend": {
        "orient": "bottom",
        "columns": 2,
        "labelColor": "var(--ink)",
        "labelFontSize": 12,
        "labelLimit": 190,
        "symbolStrokeWidth": 2,
    },
    "text": {"fill": "var(--ink)", "fontSize": 11},
}
