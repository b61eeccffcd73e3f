"""Ratios of two sides with their intervals, a line a case, around one. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.comparing.answers import Answer
from orchestrator.pages.badges import answer_badge
from orchestrator.pages.charts.chart import MOST_POINTS, Chart, chart_spec
from orchestrator.pages.names import apart, shown
from orchestrator.pages.tables import Cell, Column, Table, make_table

MOST_ROWS = 60
"""Of the chart; the table has them all."""
_TONES = {
    Answer.FASTER: "var(--good)",
    Answer.SLOWER: "var(--bad)",
    Answer.SAME: "var(--quiet)",
    Answer.INCONCLUSIVE: "var(--doubt)",
}
_SHAPES = {
    Answer.FASTER: "triangle-left",
    Answer.SLOWER: "triangle-right",
    Answer.SAME: "square",
    Answer.INCONCLUSIVE: "circle",
}


@dataclass(frozen=True)
class Ratio:
    """One case: second side over first, and its 95 % interval (0 … infinity where nothing bounds it)."""

    name: str
    ratio: float
    low: float
    high: float
    answer: Answer
    text: str
    note: str = ""
    href: str = ""


def ratio_chart(key: str, title: str, ratios: Sequence[Ratio], threshold: float, caption: str = "") -> Chart:
    """`threshold` is a share: within 1/(1 + threshold) … 1 + threshold nothing is said to differ."""
    drawn = ratios[: min(MOST_ROWS, MOST_POINTS)]
    names = apart([one.name for one in drawn])
    bounds = [value for one in drawn for value in (one.low, one.high, one.ratio) if 0 < value < math.inf]
    least, most = min([*bounds, 0.9]), max([*bounds, 1.1])
    data = [
        {
            "name": name,
            "ratio": one.ratio,
            "low": max(one.low, least),
            "high": min(one.high, most),
            "answer": str(one.answer),
            "text": shown(one.text),
        }
        for one, name in zip(drawn, names, strict=True)
    ]
    axis = {"title": "second side over first (left of 1: faster)", "format": ",.4~g", "tickCount": 6}
    x = {"type": "quantitative", "scale": {"type": "log", "domain": [least, most], "nice": False}, "axis": axis}
    y = {"field": "name", "type": "nominal", "sort": names, "axis": {"title": None}}
    answers = [str(answer) for answer in Answer]
    colour = {
        "field": "answer",
        "type": "nominal",
        "scale": {"domain": answers, "range": [_TONES[answer] for answer in Answer]},
        "legend": {"title": None},
    }
    shape = {**colour, "scale": {"domain": answers, "range": [_SHAPES[answer] for answer in Answer]}}
    band = [{"from": max(1 / (1 + threshold), least), "to": min(1 + threshold, most)}]
    spec = chart_spec(
        [
            {
                "data": {"values": band},
                "mark": {"type": "rect", "color": "var(--panel)"},
                "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}},
            },
            {
                "data": {"values": [{"one": 1}]},
                "mark": {"type": "rule", "stroke": "var(--quiet)", "strokeDash": [4, 3]},
                "encoding": {"x": {**x, "field": "one"}},
            },
            {
                "data": {"values": data},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour},
            },
            {
                "data": {"values": data},
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "x": {**x, "field": "ratio"},
                    "y": y,
                    "color": colour,
                    "shape": shape,
                    "tooltip": [{"field": "name", "title": "case"}, {"field": "text", "title": "ratio"}],
                },
            },
        ],
        height=max(80, 22 * len(drawn)),
    )
    told = f"{title}: ratios of {len(ratios)} cases with their intervals: " + ", ".join(
        f"{count} {answer}" for answer in Answer if (count := sum(one.answer is answer for one in ratios))
    )
    if len(drawn) < len(ratios):
        caption = f"{caption} {len(drawn)} of {len(ratios)} cases are drawn; the table has all.".strip()
    return Chart(key, title, told + ".", spec, _table(title, ratios), caption, wide=True)


def _table(title: str, ratios: Sequence[Ratio]) -> Table:
    rows = [(Cell(one.name, href=one.href), one.text, answer_badge(one.answer), one.note) for one in ratios]
    return make_table(title, ("case", Column("ratio (95 % interval)", True), "answer", "remarks"), rows)
