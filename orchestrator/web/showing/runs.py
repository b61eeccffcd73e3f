"""One run whole: how it went while the clock ran, and what may be believed of it. Pure."""

from agent.protocol import JobResult
from orchestrator.pages.badges import Badge, Tone, status_badge, verdict_badge
from orchestrator.pages.charts.chart import Axis, Chart
from orchestrator.pages.charts.distribution import Sample, distribution_chart
from orchestrator.pages.charts.series import Line, series_chart
from orchestrator.pages.tables import Cell, Table, make_table
from orchestrator.records import StoredRun
from orchestrator.report.conditions import condition_lines
from orchestrator.report.run_page import energy_lines, identity_lines, latency_lines, memory_lines
from orchestrator.report.words import bytes_text, latency_text
from orchestrator.runs import Role
from orchestrator.trust.reasons import remedy_of, sentence_of, severity_of

_KINDS = (
    ("_c", "Temperature", "temperature, °C", 1.0),
    ("_khz", "Clock", "clock, GHz", 1e-6),
    ("_bytes", "Memory", "memory, MB", 1e-6),
    ("_percent", "Processor", "share, %", 1.0),
    ("_w", "Power", "power, W", 1.0),
)
"""How readings are drawn, by the end of their name, which is their unit."""


def outcome_badge(stored: StoredRun) -> Badge:
    if stored.run.result is None:
        return status_badge(stored.summary.status)
    return verdict_badge(stored.summary.verdict)


def reasons_table(stored: StoredRun) -> Table | None:
    """Why the verdict is what it is, and what to do about each reason; None where there is none."""
    judgement, run = stored.judgement, stored.summary
    if judgement is None or not judgement.reasons:
        return None
    tones = {"note": Tone.QUIET, "suspect": Tone.DOUBT, "invalid": Tone.BAD}
    rows = []
    for reason in judgement.reasons:
        severity = str(severity_of(reason.code))
        badge = Badge(severity, {"note": "i", "suspect": "?", "invalid": "✕"}[severity], tones[severity])
        rows.append((Cell(reason.code), badge, sentence_of(reason), remedy_of(reason.code, run.device, run.job_id[:8])))
    return make_table("Reasons of the verdict", ("reason", "weight", "what was seen", "what to do"), rows)


def run_parts(stored: StoredRun) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings with pairs of a name and a text."""
    # What leads to another page stands above; what is drawn needs no line of characters.
    parts = [("What was measured", [(key, text) for key, text in identity_lines(stored) if key != "sweep"])]
    result = stored.run.result
    if result is None:
        return parts
    parts.append(("Latency", [line for line in latency_lines(stored.summary, result) if line[0] != "over time"]))
    if stored.summary.role is Role.ENERGY:
        parts.append(("Energy", energy_lines(result)))
    parts.append(("Memory and processor", memory_lines(stored.summary, result)))
    parts.append(("Conditions: before, after", condition_lines(result.conditions_before, result.conditions_after)))
    return parts


def latency_charts(result: JobResult) -> list[Chart]:
    """Each inference in order, and how they are distributed."""
    latencies = result.timing.latencies_ns
    if not latencies:
        return []
    points = [(float(number), value / 1e6) for number, value in enumerate(latencies, 1)]
    in_order = series_chart(
        "latency",
        "Latency of each inference, in order",
        [Line("latency", points)],
        Axis("inference"),
        Axis("latency, ms", better="less"),
        text=lambda value: latency_text(value * 1e6),
        caption=f"{len(latencies):,} timed inferences.",
    )
    spread = distribution_chart("distribution", "Distribution of latencies", [Sample("this run", latencies)])
    return [in_order, spread]


def sample_charts(result: JobResult) -> list[Chart]:
    """What sensors told while the run lasted, a chart a unit; seconds count from the start of the timed loop."""
    start = result.timing.loop_start_ns
    times = [(moment - start) / 1e9 for moment in result.samples.t_ns]
    charts = []
    for ending, title, unit, factor in _KINDS:
        lines = [
            Line(
                name.removesuffix(ending).replace("_", " ").strip() or title.lower(),
                [(at, None if value is None else value * factor) for at, value in zip(times, values, strict=False)],
            )
            for name, values in sorted(result.samples.channels.items())
            if name.endswith(ending) and any(value is not None for value in values)
        ]
        if lines:
            key = f"samples{ending.replace('_', '-')}"
            axis = Axis("time, s; the timed loop begins at 0")
            charts.append(series_chart(key, f"{title} during the run", lines, axis, Axis(unit)))
    return charts


def key_figures(stored: StoredRun) -> list[tuple[str, str]]:
    """What is asked first."""
    run = stored.summary
    return [
        ("p50", f"{latency_text(run.median_ns)} ms"),
        ("p90", f"{latency_text(run.p90_ns)} ms" if run.p90_ns is not None else "too few"),
        ("inferences", f"{run.n:,}" if run.n is not None else "–"),
        ("peak memory", bytes_text(run.peak_rss_bytes)),
    ]
