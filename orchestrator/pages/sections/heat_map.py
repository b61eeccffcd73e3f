"""Device × model: one figure of each, coloured by its fifth among those of its board. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.pages.names import shown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import best_of, most_telling, varied_text
from orchestrator.pages.tables import NOT_MEASURED, Cell, Column, Table, make_table
from orchestrator.report.words import bytes_text, latency_text
from orchestrator.study import StudyRow
from orchestrator.trust.verdicts import Verdict

FIFTHS = 5
MOST_COLUMNS = 12
"""Chosen: with more boards than that they stand below each other, and models beside each other."""


@dataclass(frozen=True)
class HeatFigure:
    """What the cells show. `less` is better, or more is."""

    title: str
    take: Callable[[StudyRow], float | None]
    text: Callable[[float], str]
    less: bool = True


P50 = "p50"
FIGURES: Mapping[str, HeatFigure] = {
    P50: HeatFigure("p50, ms", lambda row: row.p50_ns.value if row.p50_ns else None, latency_text),
    "p90": HeatFigure("p90, ms", lambda row: row.p90_ns.value if row.p90_ns else None, latency_text),
    "rss": HeatFigure("peak RSS", lambda row: row.peak_rss_bytes, bytes_text),
    "accuracy": HeatFigure(
        "accuracy", lambda row: row.accuracy.value if row.accuracy else None, lambda share: f"{share:.1%}", less=False
    ),
}


@dataclass(frozen=True)
class HeatMap:
    """`key` names the colours, the first the best fifth."""

    table: Table
    key: tuple[str, ...]


def heat_map(facts: SweepFacts, figure: str = P50) -> HeatMap:
    """Of several settings of a model on a board the fastest stands in the cell, and is named."""
    chosen_figure = FIGURES[figure]
    cells: dict[tuple[str, str], list[StudyRow]] = {}
    for row in facts.rows:
        if row.scope == "model":
            cells.setdefault((row.device, row.model), []).append(row)
    devices = facts.devices
    models = sorted({model for _, model in cells})
    chosen = {place: best_of(rows) for place, rows in cells.items()}
    steps = _steps(chosen, devices, chosen_figure)
    drawn = {place: _cell(cells[place], chosen[place], steps.get(place), chosen_figure, facts) for place in cells}
    absent = Cell("–", missing=True, note="not asked for")
    columns: tuple[str | Column, ...]
    rows: list[tuple[str | Cell, ...]]
    if len(devices) > MOST_COLUMNS:
        columns = ("device", *(Column(model, True) for model in models))
        rows = [
            (facts.label_of(device), *(drawn.get((device, model), absent) for model in models)) for device in devices
        ]
    else:
        columns = ("model", *(Column(facts.label_of(device), True) for device in devices))
        rows = [(model, *(drawn.get((device, model), absent) for device in devices)) for model in models]
    caption = f"{chosen_figure.title} of each model on each device"
    return HeatMap(make_table(caption, columns, rows), _key(chosen_figure))


def _steps(
    chosen: Mapping[tuple[str, str], StudyRow | None], devices: Sequence[str], figure: HeatFigure
) -> dict[tuple[str, str], int]:
    """Fifths within each board: a colour never compares a real board with an emulated one."""
    steps = {}
    for device in devices:
        values = {
            place: value
            for place, row in chosen.items()
            if place[0] == device and row is not None and (value := figure.take(row)) is not None
        }
        ordered = sorted(set(values.values()), reverse=not figure.less)
        for place, value in values.items():
            steps[place] = FIFTHS * ordered.index(value) // len(ordered)
    return steps


def _cell(
    rows: Sequence[StudyRow], best: StudyRow | None, step: int | None, figure: HeatFigure, facts: SweepFacts
) -> Cell:
    if best is None:
        failure = most_telling(rows)
        if failure is None:
            return Cell(NOT_MEASURED, missing=True)
        return Cell(failure.status, missing=True, note=shown(failure.message, 80))
    value = figure.take(best)
    if value is None:
        return Cell(NOT_MEASURED, missing=True, note="too few inferences for it" if figure.title[0] == "p" else "")
    doubt = "" if best.verdict is Verdict.TRUSTED else (str(best.verdict) if best.verdict else "not judged")
    note = " · ".join(part for part in (doubt, varied_text(best, facts)) if part)
    return Cell(figure.text(value), heat=step, note=note)


def _key(figure: HeatFigure) -> tuple[str, ...]:
    if figure.less and figure.title.startswith("p") and "ms" in figure.title:
        return ("fastest fifth of its board", "", "", "", "slowest fifth")
    return ("best fifth of its board", "", "", "", "worst fifth")
