"""The report of a sweep: one page that holds everything. Pure but for reading templates and assets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.pages.assets import Inline
from orchestrator.pages.charts import Chart
from orchestrator.pages.environment import make_environment
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections import pareto, steps
from orchestrator.pages.sections.cases import cases_table
from orchestrator.pages.sections.claims import claims_table
from orchestrator.pages.sections.climate import Climate, climate
from orchestrator.pages.sections.conditions import boards_table, conditions_table
from orchestrator.pages.sections.distributions import MOST_BOARDS, latency_charts
from orchestrator.pages.sections.heat_map import heat_map
from orchestrator.pages.sections.origins import Pairs, Repeat, models_table, repeat, runtimes_table, sweep_pairs
from orchestrator.pages.sections.sentences import Said, listed
from orchestrator.pages.sections.trust import failures_table, links_table, measured, reasons_table, verdicts_table
from orchestrator.pages.sections.words import summary
from orchestrator.pages.tables import Table
from orchestrator.report.words import duration_text
from orchestrator.trust.verdicts import Verdict


@dataclass(frozen=True)
class Section:
    """A part of the page. `key` is its address in it; what is empty is not there."""

    key: str
    heading: str
    lead: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    pairs: Pairs = field(default_factory=list)
    heat_key: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    repeat: Repeat | None = None


@dataclass(frozen=True)
class Page:
    """Everything that the template puts into words and boxes."""

    title: str
    sweep_id: int
    created: datetime
    made: datetime
    figures: Pairs
    sections: tuple[Section, ...]

    @property
    def has_charts(self) -> bool:
        return any(section.charts for section in self.sections)


def make_report(facts: SweepFacts, made: datetime) -> str:
    """The whole page as HTML; `facts` with traces. `made` is what time it is."""
    return make_environment(Inline()).get_template("report.html").render(page=make_page(facts, made))


def make_page(facts: SweepFacts, made: datetime) -> Page:
    heat = heat_map(facts)
    weather = climate(facts)
    trades = tuple(pareto.pareto_charts(facts))
    claims = claims_table(facts)
    sections = [
        Section("summary", "Summary", said=summary(facts)),
        Section(
            "heat-map",
            "Device × model",
            lead=(
                "The shortest p50 of each model on each board, in milliseconds. Of several settings the fastest "
                "trusted one stands there; where none is trusted the fastest, called suspect. Colours compare models "
                "on one board, never boards with each other.",
            ),
            heat_key=heat.key,
            tables=(heat.table,),
        ),
        *([Section("claims", "Claims", tables=(claims,))] if claims.rows else []),
        Section("trade-offs", "Trade-offs", _trade_off_words(trades), charts=trades),
        Section("steps", "Step by step", (steps.HOW_TO_READ,), charts=tuple(steps.step_charts(facts))),
        Section("latencies", "Latencies", _undrawn(facts), charts=tuple(latency_charts(facts))),
        Section("climate", "Clock and temperature", _climate_words(weather), charts=weather.charts),
        Section("trust", "Trust", tables=(verdicts_table(facts), reasons_table(facts))),
        Section("failures", "Failures", _failure_words(facts), tables=_failures(facts)),
        Section("cases", "All cases", tables=(cases_table(facts),)),
        Section("conditions", "Conditions", tables=(conditions_table(facts), boards_table(facts))),
        Section(
            "origins",
            "Versions, hashes and seeds",
            pairs=sweep_pairs(facts),
            tables=(runtimes_table(facts), models_table(facts)),
        ),
        Section("repeat", "Measure it again", repeat=repeat(facts)),
    ]
    shown = tuple(section for section in sections if section.key not in ("latencies", "steps") or section.charts)
    record = facts.record
    return Page(record.name, record.sweep_id, record.created, made, key_figures(facts), shown)


def key_figures(facts: SweepFacts) -> Pairs:
    """What stands in large at the top."""
    progress, runs = facts.record.progress, measured(facts.runs)
    trusted = sum(run.verdict is Verdict.TRUSTED for run in runs)
    spent_s = sum(run.wall_s for run in facts.runs)
    return [
        ("devices", f"{len(facts.devices):,}"),
        ("models", f"{len({case.model for case in facts.cases}):,}"),
        ("cases", f"{len(facts.cases):,}"),
        ("jobs measured", f"{progress.ok:,} of {progress.jobs:,}"),
        ("runs trusted", f"{trusted:,} of {len(runs):,}"),
        ("time on boards", duration_text(spent_s)),
    ]


def _trade_off_words(charts: Sequence[Chart]) -> tuple[str, ...]:
    return (pareto.HOW_TO_READ if charts else "Fewer than two cases have figures: there is nothing to weigh.",)


def _undrawn(facts: SweepFacts) -> tuple[str, ...]:
    left_out = facts.devices[MOST_BOARDS:]
    return (f"Not drawn: {listed(left_out, 8)}. Their figures are among all cases.",) if left_out else ()


def _climate_words(found: Climate) -> tuple[str, ...]:
    words = []
    if found.charts:
        words.append(
            "Readings during the runs alone; between two runs the line is broken. A marked stretch is a run whose "
            "clock was held down, or that heat or supply made suspect. The boards' clocks are not ours: readings may "
            "stand a second beside where they belong."
        )
    if found.no_temperature:
        words.append(f"Temperature: not measured on {listed(found.no_temperature, 8)}; no sensor told one.")
    if found.no_clock:
        words.append(f"Clock: not measured on {listed(found.no_clock, 8)}; nothing told it.")
    if found.left_out:
        words.append(f"Not drawn, because nothing is marked there: {listed(found.left_out, 8)}.")
    return tuple(words) or ("Nothing was measured.",)


def _failures(facts: SweepFacts) -> tuple[Table, ...]:
    return tuple(table for table in (failures_table(facts), links_table(facts)) if table.rows)


def _failure_words(facts: SweepFacts) -> tuple[str, ...]:
    return () if _failures(facts) else ("Nothing failed, and no link broke.",)
