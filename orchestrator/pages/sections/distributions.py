"""How the latencies of each board's cases are spread. Pure."""

from array import array

from orchestrator.pages.charts import Chart, Sample, distribution_chart, range_chart
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import best_of, varied_text
from orchestrator.runs import Role
from orchestrator.study import StudyRow
from orchestrator.trust.verdicts import Verdict

MOST_LINES = 8
"""As many as there are colours."""
MOST_BOARDS = 12
"""Chosen, as for clock and temperature: the table of all cases has the others."""


def latency_charts(facts: SweepFacts) -> list[Chart]:
    """Of each board: the fastest setting of each model as curves, and all cases as ranges. Needs traces."""
    curves, ranges = [], []
    latencies = _latencies(facts)
    for place, device in enumerate(facts.devices[:MOST_BOARDS]):
        rows = [
            row
            for row in facts.rows
            if row.device == device and row.scope == "model" and _key(row) in latencies and row.p50_ns is not None
        ]
        if not rows:
            continue
        rows.sort(key=lambda row: row.p50_ns.value if row.p50_ns else 0.0)
        board = facts.label_of(device)
        models = dict.fromkeys(row.model for row in rows)
        best = [one for model in models if (one := best_of(row for row in rows if row.model == model)) is not None]
        if len(best) > 1:
            samples = [Sample(row.model, latencies[_key(row)]) for row in best[:MOST_LINES]]
            told = "The fastest setting of each model: the more upright a line, the steadier the case."
            more = f" The {MOST_LINES} fastest of {len(best)} models." if len(best) > MOST_LINES else ""
            curves.append(distribution_chart(f"spread-{place}", f"{board}: latencies", samples, told + more))
        cases = [Sample(_name(row, facts), latencies[_key(row)]) for row in rows]
        told = "Shortest to longest, of all runs that count: the bar holds the middle half, the tick the median."
        ranges.append(range_chart(f"ranges-{place}", f"{board}: every case", cases, told))
    return [*curves, *ranges]


def _name(row: StudyRow, facts: SweepFacts) -> str:
    setting = varied_text(row, facts)
    return f"{row.model}, {setting}" if setting else row.model


def _latencies(facts: SweepFacts) -> "dict[tuple[str, str, str | None], array[int]]":
    """By case, of all runs that are not invalid."""
    found: dict[tuple[str, str, str | None], array[int]] = {}
    for trace in facts.traces:
        run = trace.summary
        if run.role is Role.CASE and run.verdict is not Verdict.INVALID:
            key = (run.case_key, run.model_digest, run.runtime_version)
            found.setdefault(key, array("Q")).extend(trace.latencies_ns)
    return found


def _key(row: StudyRow) -> tuple[str, str, str | None]:
    return row.case_key, row.model_digest, row.runtime_version
