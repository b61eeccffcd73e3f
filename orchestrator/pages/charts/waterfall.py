"""What each step of a chain made of a latency. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.pages.charts.chart import Axis, Chart, axis_of, chart_spec
from orchestrator.pages.names import apart, shown
from orchestrator.pages.tables import NOT_MEASURED, Column, make_table


@dataclass(frozen=True)
class Step:
    """`value` is None where the step was not measured; `because` says why. `text` and `gain` are as the table has
    them."""

    name: str
    value: float | None
    text: str
    gain: str = ""
    because: str = ""


def waterfall_chart(key: str, title: str, steps: Sequence[Step], y: Axis, caption: str = "") -> Chart:
    names = apart([one.name for one in steps], 24)
    measured = [(one, name) for one, name in zip(steps, names, strict=True) if one.value is not None]
    axis = Axis(y.title, y.better, zero=True, format=y.format)
    data = [{"name": name, "y": one.value, "gain": shown(one.gain.partition(" ")[0], 20)} for one, name in measured]
    x = {"field": "name", "type": "nominal", "sort": names, "axis": {"title": None, "labelAngle": -30}}
    where = {"x": x, "y": axis_of("y", axis)}
    spec = chart_spec(
        [
            {"mark": {"type": "bar", "color": "var(--series-1)", "opacity": 0.75}, "encoding": where},
            {"mark": {"type": "text", "dy": -7}, "encoding": {**where, "text": {"field": "gain"}}},
        ],
        data={"values": data},
    )
    rows = [(one.name, one.text if one.value is not None else NOT_MEASURED, one.gain, one.because) for one in steps]
    columns = ("step", Column(y.title, True), Column("gain", True), "remarks")
    told = f"{title}: a bar for each of {len(data)} steps."
    return Chart(key, title, told, spec, make_table(title, columns, rows), caption)
