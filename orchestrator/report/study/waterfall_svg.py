"""Waterfalls as one SVG that loads nothing from elsewhere. Pure.

Each step is a bar from the latency before it to its own, on a logarithmic axis: equal lengths are equal ratios, and the
bars of all steps together are as long as the whole way. A whisker is the 95 % interval of the step's own latency.
"""

import html
import math
from collections.abc import Iterator, Sequence

from orchestrator.report.characters import one_line
from orchestrator.report.study.texts import gain_text
from orchestrator.report.words import latency_text
from orchestrator.study.waterfall import Step, Waterfall

WIDTH, LABELS, FIGURES, MARGIN = 960, 290, 230, 16
LINE, HEAD, FOOT, TOP = 30, 34, 34, 44
LONGEST = 44
"""Characters of a label; what is longer is cut, and stands whole in the label's title."""

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.quiet{fill:#595959}.head{font-weight:bold;font-size:14px}"
    ".bar{fill:#2f6db5}.slower{fill:#b3541e}.start{fill:#8a8a8a}.line{stroke:#c4c4c4}.whisker{stroke:#1b1b1b}"
    ".paper{fill:#ffffff}"
    "@media (prefers-color-scheme:dark){text{fill:#ededed}.quiet{fill:#b0b0b0}.bar{fill:#6ea8ea}.slower{fill:#e0955f}"
    ".start{fill:#9a9a9a}.line{stroke:#4a4a4a}.whisker{stroke:#ededed}.paper{fill:#161616}}"
)


def waterfalls_svg(title: str, found: Sequence[Waterfall]) -> str:
    """A panel a waterfall, one below the other; the axes are of one scale, so that panels can be compared."""
    drawn = [waterfall for waterfall in found if any(step.p50_ns for step in waterfall.steps)]
    low_ns, high_ns = _range(drawn)
    height = TOP + sum(_height(one) for one in drawn) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="waterfall-title waterfall-words">',
        f'<title id="waterfall-title">{_escaped(title)}</title>',
        f'<desc id="waterfall-words">{_escaped(_in_words(drawn))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="{MARGIN}" y="28">{_escaped(title)}</text>',
    ]
    top = TOP
    for waterfall in drawn:
        parts += _panel(waterfall, top, low_ns, high_ns)
        top += _height(waterfall)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(waterfall: Waterfall, top: int, low_ns: float, high_ns: float) -> Iterator[str]:
    threads = f"{waterfall.threads} thread{'s' * (waterfall.threads != 1)}"
    heading = f"{waterfall.network} on {waterfall.board}, {threads}"
    yield f'<text class="head" x="{MARGIN}" y="{top + 20}">{_escaped(heading)}</text>'
    bottom = top + HEAD + LINE * len(waterfall.steps)
    for tick_ns in _ticks(low_ns, high_ns):
        x = _x(tick_ns, low_ns, high_ns)
        yield f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD}" y2="{bottom}"/>'
        label = f"{tick_ns / 1e6:g} ms"
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
    before: Step | None = None
    for number, step in enumerate(waterfall.steps):
        yield from _line(step, before, top + HEAD + LINE * number, low_ns, high_ns)
        before = step if step.p50_ns else before


def _line(step: Step, before: Step | None, top: int, low_ns: float, high_ns: float) -> Iterator[str]:
    middle = top + LINE / 2
    label = f"{step.name}: {step.model}" if step.model and not (before and before.model == step.model) else step.name
    short = label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
    whole = f"{label}, {step.setting or step.because}"
    yield f'<text x="{MARGIN}" y="{middle + 4:.1f}">{_escaped(short)}<title>{_escaped(whole)}</title></text>'
    figures = WIDTH - FIGURES + 8
    if step.p50_ns is None:
        yield f'<text class="quiet" x="{figures}" y="{middle + 4:.1f}">{_escaped(step.because)}</text>'
        return
    here = _x(step.p50_ns.value, low_ns, high_ns)
    if before is None or before.p50_ns is None:
        yield f'<rect class="start" x="{here - 2:.1f}" y="{top + 6}" width="4" height="{LINE - 12}"/>'
    else:
        there = _x(before.p50_ns.value, low_ns, high_ns)
        kind = "bar" if here <= there else "slower"
        left, wide = min(here, there), max(1.0, abs(here - there))
        yield f'<rect class="{kind}" x="{left:.1f}" y="{top + 6}" width="{wide:.1f}" height="{LINE - 12}"/>'
    if step.p50_ns.is_bounded:
        ends = [_x(min(max(one, low_ns), high_ns), low_ns, high_ns) for one in (step.p50_ns.low, step.p50_ns.high)]
        yield f'<line class="whisker" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{middle}" y2="{middle}"/>'
    text = f"{latency_text(step.p50_ns.value)} ms"
    if step.gain is not None:
        text += f", {gain_text(step.gain)}"
    yield f'<text x="{figures}" y="{middle + 4:.1f}">{_escaped(text)}</text>'


def _height(waterfall: Waterfall) -> int:
    return HEAD + LINE * len(waterfall.steps) + FOOT


def _range(drawn: Sequence[Waterfall]) -> tuple[float, float]:
    """A little more than what there is, so that no bar ends at the edge."""
    values = [step.p50_ns.value for one in drawn for step in one.steps if step.p50_ns]
    if not values:
        return 1e6, 1e7
    return min(values) / 1.25, max(values) * 1.25


def _x(value_ns: float, low_ns: float, high_ns: float) -> float:
    share = math.log(value_ns / low_ns) / math.log(high_ns / low_ns)
    return LABELS + share * (WIDTH - LABELS - FIGURES)


def _ticks(low_ns: float, high_ns: float) -> list[float]:
    """1, 2 and 5 of each decade; of many decades the powers of ten alone."""
    few = math.log10(high_ns / low_ns) <= 1.5
    first, last = math.floor(math.log10(low_ns)), math.ceil(math.log10(high_ns))
    found = [digit * 10.0**power for power in range(first, last + 1) for digit in ((1, 2, 5) if few else (1,))]
    return [tick for tick in found if low_ns <= tick <= high_ns]


def _in_words(drawn: Sequence[Waterfall]) -> str:
    """What the picture shows, for those who hear it."""
    sentences = []
    for one in drawn:
        steps = [f"{step.name} {latency_text(step.p50_ns.value)} ms" for step in one.steps if step.p50_ns]
        sentences.append(f"{one.network} on {one.board}: {', '.join(steps)}.")
    return " ".join(sentences) or "No step was measured."


def _escaped(text: str) -> str:
    return html.escape(one_line(text), quote=True)
