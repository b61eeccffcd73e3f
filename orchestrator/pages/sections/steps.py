"""What each step made of a network: delegate, runtime version, precision, architecture. Pure."""

from orchestrator.pages.charts import Axis, Chart, Step, waterfall_chart
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import EMULATED
from orchestrator.report.study.texts import gain_text, ms_with_bounds
from orchestrator.report.words import count_text
from orchestrator.study.chains import usual_chains
from orchestrator.study.waterfall import Waterfall, waterfalls

MS = 1e-6
MOST_CHARTS = 8
HOW_TO_READ = (
    "What each step made of a network. Above each bar stands how many times as fast it is as the step before; the "
    "table has the intervals. Suspect runs count here, too. Of a large sweep some are drawn; dynofarm waterfall "
    "prints all, and takes other steps."
)


def step_charts(facts: SweepFacts) -> list[Chart]:
    """The usual chain of each network on each board that is not emulated; none where a sweep has no two steps."""
    found = [one for one in waterfalls(usual_chains(facts.cases, facts.artifacts)) if one.device_kind != EMULATED]
    return [_chart(place, one) for place, one in enumerate(found[:MOST_CHARTS])]


def _chart(place: int, found: Waterfall) -> Chart:
    steps = [
        Step(
            name=one.name,
            value=one.p50_ns.value * MS if one.p50_ns else None,
            text=ms_with_bounds(one.p50_ns),
            gain=gain_text(one.gain) if one.gain else "",
            because=one.because or f"{one.model}, {one.setting}",
        )
        for one in found.steps
    ]
    title = f"{found.network} on {found.board}, {count_text(found.threads, 'thread')}"
    return waterfall_chart(f"steps-{place}", title, steps, Axis("p50, ms", "less"))
