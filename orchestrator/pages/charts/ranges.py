"""From the shortest to the longest latency of each case, a line a case. Pure."""

from collections.abc import Sequence
from statistics import median

from orchestrator.pages.charts.chart import Chart, chart_spec, is_wide, rounded
from orchestrator.pages.charts.distribution import MS, Sample, sample_table
from orchestrator.pages.names import apart
from orchestrator.stats import nearest_rank

MOST_ROWS = 30
"""Of the chart; the table has them all."""
FIRST_QUARTER, LAST_QUARTER = 250, 750


def range_chart(key: str, title: str, samples: Sequence[Sample], caption: str = "") -> Chart:
    """A thin line from the least to the most, a bar over the middle half, a tick at the median."""
    samples = [one for one in samples if one.latencies_ns]
    drawn = samples[:MOST_ROWS]
    names = apart([one.name for one in drawn], 80)
    data = [_row(one, name) for one, name in zip(drawn, names, strict=True)]
    ends = [value for one in drawn for value in (min(one.latencies_ns), max(one.latencies_ns))]
    scale = {"type": "log"} if is_wide(ends) else {"zero": False}
    axis = {"title": "latency, ms", "format": ",.6~g", "tickCount": 6}
    x = {"type": "quantitative", "scale": scale, "axis": axis}
    y = {"field": "name", "type": "nominal", "sort": names, "axis": {"title": None}}
    told = [{"field": "name", "title": "case"}] + [
        {"field": field, "type": "quantitative", "title": title, "format": ".4~g"}
        for field, title in (("least", "least, ms"), ("mid", "median, ms"), ("most", "most, ms"))
    ]
    spec = chart_spec(
        [
            {
                "mark": {"type": "rule", "stroke": "var(--quiet)"},
                "encoding": {"x": {**x, "field": "least"}, "x2": {"field": "most"}, "y": y},
            },
            {
                "mark": {"type": "bar", "height": 8, "color": "var(--series-1)", "opacity": 0.7},
                "encoding": {"x": {**x, "field": "q1"}, "x2": {"field": "q3"}, "y": y, "tooltip": told},
            },
            {
                "mark": {"type": "tick", "thickness": 2, "height": 15, "color": "var(--ink)"},
                "encoding": {"x": {**x, "field": "mid"}, "y": y, "tooltip": told},
            },
        ],
        height=max(80, 20 * len(drawn)),
        data={"values": data},
    )
    more = f"{len(drawn)} of {len(samples)} cases are drawn; the table has all." if len(drawn) < len(samples) else ""
    words = " ".join(part for part in (caption, more) if part)
    description = f"{title}: for each of {len(drawn)} cases the range of its latencies, their middle half and median."
    return Chart(key, title, description, spec, sample_table(title, samples), words, wide=True)


def _row(sample: Sample, name: str) -> dict[str, object]:
    ordered = sorted(sample.latencies_ns)
    n = len(ordered)
    return {
        "name": name,
        "least": rounded(ordered[0] * MS),
        "q1": rounded(ordered[nearest_rank(n, FIRST_QUARTER) - 1] * MS),
        "mid": rounded(median(ordered) * MS),
        "q3": rounded(ordered[nearest_rank(n, LAST_QUARTER) - 1] * MS),
        "most": rounded(ordered[-1] * MS),
    }
