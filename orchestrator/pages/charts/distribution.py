"""How latencies are spread: for each case the share of inferences that took at most so long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.pages.charts.chart import (
    LINE_POINTS,
    Axis,
    Chart,
    axis_of,
    chart_spec,
    colour_of,
    dash_of,
    is_wide,
    rounded,
    thinned_text,
)
from orchestrator.pages.charts.thinning import thin_sorted
from orchestrator.pages.names import apart
from orchestrator.pages.tables import Column, Table, make_table
from orchestrator.report.words import latency_text
from orchestrator.stats import P90, P99, least_n, nearest_rank

MS = 1e-6


@dataclass(frozen=True)
class Sample:
    """The latencies of one case, ns, of all its runs that count."""

    name: str
    latencies_ns: Sequence[float]


def distribution_chart(key: str, title: str, samples: Sequence[Sample], caption: str = "") -> Chart:
    """A step line a case."""
    samples = [one for one in samples if one.latencies_ns]
    names = apart([one.name for one in samples], 40)
    most = LINE_POINTS // max(1, len(samples))
    data, known = [], 0
    for sample, name in zip(samples, names, strict=True):
        known += len(sample.latencies_ns)
        data += [
            {"name": name, "x": rounded(value * MS), "y": rounded(share)}
            for value, share in thin_sorted(sample.latencies_ns, most)
        ]
    x = Axis("latency, ms", log=is_wide([value for one in samples for value in one.latencies_ns]))
    y = Axis("share of inferences at most as long", zero=True, format=".0%")
    spec = chart_spec(
        [
            {
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
                "encoding": {
                    "x": axis_of("x", x),
                    "y": axis_of("y", y),
                    "color": colour_of("name", names),
                    "strokeDash": dash_of("name", names),
                },
            }
        ],
        data={"values": data},
    )
    told = f"{title}: a line for each of {len(samples)} cases rises from its shortest latency to its longest."
    return Chart(
        key,
        title,
        told,
        spec,
        sample_table(title, samples),
        " ".join(part for part in (caption, thinned_text(len(data), known)) if part),
    )


def sample_table(title: str, samples: Sequence[Sample]) -> Table:
    """A row a case, as under every chart of latencies."""
    headings = ("inferences", "least, ms", "median, ms", "p90, ms", "p99, ms", "most, ms")
    rows = []
    for one in samples:
        ordered, n = sorted(one.latencies_ns), len(one.latencies_ns)
        tails = [ordered[nearest_rank(n, share) - 1] if n >= least_n(share) else None for share in (P90, P99)]
        figures = (ordered[0], median(ordered), *tails, ordered[-1])
        rows.append((one.name, f"{n:,}", *(latency_text(value) for value in figures)))
    note = "Of all inferences of a case together. A percentile stands only where so many inferences support it."
    return make_table(title, ("case", *(Column(one, True) for one in headings)), rows, (note,))
