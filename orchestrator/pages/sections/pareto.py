"""Cases by two figures at a time, of which one is bought with the other. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.pages.charts import Axis, Chart, Spot, scatter_chart
from orchestrator.pages.charts.chart import MOST_POINTS, is_wide
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import EMULATED, best_of, varied_text
from orchestrator.report.study.texts import ms_with_bounds, share_text
from orchestrator.report.words import bytes_text
from orchestrator.study import StudyRow
from orchestrator.study.figures import Figure
from orchestrator.trust.verdicts import Verdict

MS, MB = 1e-6, 1e-6

HOW_TO_READ = (
    "The fastest setting of each model on each board. A dashed line joins what no other trusted case of its board "
    "beats in both, by the middle of the intervals. Pale points are suspect or emulated, and on no line. dynofarm best "
    "decides on the intervals."
)


@dataclass(frozen=True)
class _Side:
    """`take` gives the figure and its bounds in the unit of the axis, None where it was not measured."""

    key: str
    name: str
    title: str
    better: str
    take: Callable[[StudyRow], tuple[float, float | None, float | None] | None]
    text: Callable[[StudyRow], str]
    format: str = ",.6~g"


def _scaled(figure: Figure | None, factor: float) -> tuple[float, float | None, float | None] | None:
    if figure is None:
        return None
    bounds = (figure.low * factor, figure.high * factor) if figure.is_bounded else (None, None)
    return figure.value * factor, *bounds


def _counted(value: int | None, factor: float) -> tuple[float, float | None, float | None] | None:
    return (value * factor, None, None) if value else None


def _accuracy(row: StudyRow) -> tuple[float, float | None, float | None] | None:
    found = row.accuracy
    return None if found is None else (found.value, found.low, found.high)


_P50 = _Side(
    "p50", "latency", "p50, ms", "less", lambda row: _scaled(row.p50_ns, MS), lambda row: ms_with_bounds(row.p50_ns)
)
_ACCURACY = _Side("accuracy", "accuracy", "accuracy", "more", _accuracy, lambda row: share_text(row.accuracy), ".0%")
_FILE = _Side(
    "file",
    "file size",
    "file, MB",
    "less",
    lambda row: _counted(row.file_bytes, MB),
    lambda row: bytes_text(row.file_bytes),
)
_RSS = _Side(
    "memory",
    "peak memory",
    "peak memory (RSS), MB",
    "less",
    lambda row: _counted(row.peak_rss_bytes, MB),
    lambda row: bytes_text(row.peak_rss_bytes),
)
_PAIRS = ((_P50, _ACCURACY), (_FILE, _ACCURACY), (_RSS, _ACCURACY), (_P50, _FILE), (_P50, _RSS))


def pareto_charts(facts: SweepFacts) -> list[Chart]:
    """A chart for each pair of figures that at least two cases have."""
    charts = [_chart(facts.rows, first, second, facts) for first, second in _PAIRS]
    return [chart for chart in charts if chart is not None]


def _chart(rows: Sequence[StudyRow], x: _Side, y: _Side, facts: SweepFacts) -> Chart | None:
    spots = []
    for row in _best(rows):
        across, upwards = x.take(row), y.take(row)
        if across is None or upwards is None:
            continue
        spots.append(
            Spot(
                row.model,
                facts.label_of(row.device),
                across[0],
                upwards[0],
                x.text(row),
                y.text(row),
                *across[1:],
                *upwards[1:],
                doubt=_doubt(row),
                detail=varied_text(row, facts),
            )
        )
    if len(spots) < 2:
        return None
    axes = [
        Axis(side.title, side.better, log=side is not _ACCURACY and is_wide(values), format=side.format)
        for side, values in ((x, [spot.x for spot in spots]), (y, [spot.y for spot in spots]))
    ]
    title = f"{x.name[:1].upper()}{x.name[1:]} and {y.name}"
    key = f"{x.key}-{y.key}"
    return scatter_chart(key, title, spots[:MOST_POINTS], axes[0], axes[1])


def _best(rows: Sequence[StudyRow]) -> list[StudyRow]:
    """Of each model on each board the fastest setting, and what was measured end to end apart from it."""
    groups: dict[tuple[str, str, str], list[StudyRow]] = {}
    for row in rows:
        groups.setdefault((row.device, row.model_digest, row.scope), []).append(row)
    return [best for group in groups.values() if (best := best_of(group)) is not None]


def _doubt(row: StudyRow) -> str:
    if row.device_kind == EMULATED:
        return EMULATED
    if row.verdict is Verdict.SUSPECT:
        return f"suspect: {', '.join(row.reasons)}" if row.reasons else "suspect"
    return ""
