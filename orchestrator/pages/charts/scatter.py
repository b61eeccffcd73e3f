"""Cases by two figures, with the front of each group: those that no other of it beats in both. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.pages.charts.chart import MOST_NAMED, Axis, Chart, axis_of, chart_spec, colour_of, shape_of
from orchestrator.pages.names import apart, shown
from orchestrator.pages.tables import Cell, Column, Table, make_table

MOST_LABELS = 8
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Spot:
    """One case. `x_text` and `y_text` are its figures as the table has them; `x_low` … `y_high` are bounds, None where
    there are none. `doubt` is why it is not to be trusted, empty where it is: it stays off the front, and its bounds
    are not drawn. `detail` says more of the case, for the table and under the pointer."""

    name: str
    group: str
    x: float
    y: float
    x_text: str
    y_text: str
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    doubt: str = ""
    detail: str = ""


def find_front(points: Sequence[tuple[float, float]], *, more_x: bool = False, more_y: bool = False) -> set[int]:
    """The places of the points that no other beats: as good in both and better in one. Equal points are all on it."""
    signed = [(-x if more_x else x, -y if more_y else y) for x, y in points]
    order = sorted(range(len(signed)), key=signed.__getitem__)
    front: set[int] = set()
    best = float("inf")
    for place in order:
        x, y = signed[place]
        if y < best or (y == best and any(signed[one] == (x, y) for one in front)):
            front.add(place)
            best = y
    return front


def scatter_chart(key: str, title: str, spots: Sequence[Spot], x: Axis, y: Axis, caption: str = "") -> Chart:
    """`better` of the axes says which way the front looks."""
    front = _fronts(spots, x, y)
    names = [shown(spot.name, 40) for spot in spots]
    # Groups are made apart as a set: spots of one group keep one name.
    distinct = list(dict.fromkeys(spot.group for spot in spots))
    groups = dict(zip(distinct, apart(distinct, 28), strict=True))
    middle = _middle([spot.x for spot in spots], log=x.log)
    data: list[dict[str, object]] = [
        {
            "name": name,
            "detail": shown(spot.detail),
            "side": "left" if spot.x > middle else "right",
            "group": groups[spot.group],
            "x": spot.x,
            "y": spot.y,
            "xl": spot.x_low if spot.x_low is not None and not spot.doubt else spot.x,
            "xh": spot.x_high if spot.x_high is not None and not spot.doubt else spot.x,
            "yl": spot.y_low if spot.y_low is not None and not spot.doubt else spot.y,
            "yh": spot.y_high if spot.y_high is not None and not spot.doubt else spot.y,
            "front": place in front,
            "doubt": bool(spot.doubt),
            "label": name if place in front and len(front) <= MOST_LABELS else "",
        }
        for place, (spot, name) in enumerate(zip(spots, names, strict=True))
    ]
    if len(groups) > MOST_NAMED:
        caption = f"{caption} {len(groups)} groups are told apart in the table, and under the pointer.".strip()
    return Chart(
        key,
        title,
        _description(title, spots, [names[place] for place in sorted(front)], x, y),
        _spec(data, list(groups.values()), x, y),
        _table(title, spots, front, x, y),
        caption,
    )


def _fronts(spots: Sequence[Spot], x: Axis, y: Axis) -> set[int]:
    """The places of those that no other of their group beats; groups are never weighed against each other."""
    front: set[int] = set()
    for group in dict.fromkeys(spot.group for spot in spots):
        sound = [place for place, spot in enumerate(spots) if spot.group == group and not spot.doubt]
        found = find_front(
            [(spots[place].x, spots[place].y) for place in sound], more_x=x.better == "more", more_y=y.better == "more"
        )
        front.update(sound[place] for place in found)
    return front


def _spec(data: list[dict[str, object]], groups: list[str], x: Axis, y: Axis) -> dict[str, object]:
    where = {"x": axis_of("x", x), "y": axis_of("y", y)}
    line = [one for one in sorted(data, key=lambda one: (one["x"], one["y"])) if one["front"]]
    quiet = {"stroke": "var(--quiet)", "strokeWidth": 1, "opacity": 0.6}
    return chart_spec(
        [
            {
                "data": {"values": line},
                "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1.5},
                "encoding": {**where, "color": colour_of("group", groups)},
            },
            {"mark": {"type": "rule", **quiet}, "encoding": {**where, "x": axis_of("xl", x), "x2": {"field": "xh"}}},
            {"mark": {"type": "rule", **quiet}, "encoding": {**where, "y": axis_of("yl", y), "y2": {"field": "yh"}}},
            {
                "mark": {"type": "point", "size": 90, "strokeWidth": 2, "filled": False},
                "encoding": {
                    **where,
                    "color": colour_of("group", groups),
                    "shape": shape_of("group", groups),
                    "opacity": {"condition": {"test": "datum.doubt", "value": 0.4}, "value": 1},
                    "tooltip": [
                        {"field": "name", "title": "case"},
                        {"field": "detail", "title": "setting"},
                        {"field": "group", "title": "device"},
                        {"field": "x", "type": "quantitative", "title": x.title, "format": ".4~g"},
                        {"field": "y", "type": "quantitative", "title": y.title, "format": ".4~g"},
                    ],
                },
            },
            *(_labels([one for one in data if one["label"] and one["side"] == side], side, where) for side in _SIDES),
        ],
        height=300,
        data={"values": data},
    )


def _labels(data: list[dict[str, object]], side: str, where: Mapping[str, object]) -> dict[str, object]:
    """Names stand where there is room: to the left of points at the right."""
    left = side == "left"
    mark = {"type": "text", "align": "right" if left else "left", "dx": -8 if left else 8, "dy": -8, "limit": 150}
    return {"data": {"values": data}, "mark": mark, "encoding": {**where, "text": {"field": "label"}}}


def _middle(values: Sequence[float], *, log: bool) -> float:
    """Of the axis."""
    if not values:
        return 0.0
    return math.sqrt(min(values) * max(values)) if log else (min(values) + max(values)) / 2


def _description(title: str, spots: Sequence[Spot], front: list[str], x: Axis, y: Axis) -> str:
    told = ", ".join(front[:MOST_LABELS]) + (" and others" if len(front) > MOST_LABELS else "")
    best = f" No other of their group beats these in both: {told}." if front else ""
    return f"{title}: {len(spots)} points, {x.told} across, {y.told} upwards.{best}"


def _table(title: str, spots: Sequence[Spot], front: set[int], x: Axis, y: Axis) -> Table:
    rows = [
        (
            Cell(spot.name, note=spot.detail),
            spot.group,
            Cell(spot.x_text),
            Cell(spot.y_text),
            "yes" if place in front else "no",
            spot.doubt,
        )
        for place, spot in enumerate(spots)
    ]
    columns = ("case", "device", Column(x.title, True), Column(y.title, True), "on the front", "doubts")
    return make_table(title, columns, rows)
