"""How warm each board was over the run and how fast its clock, with the stretches in which it was held down. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.pages.charts import Axis, Chart, Limit, Line, Stretch, series_chart
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.traces import Reading, Trace
from orchestrator.trust.reasons import brief_of

HELD_DOWN = ("throttled", "slow_clock", "under_voltage", "warmed_up", "thermal_gate_gave_up")
"""The reasons that are about heat, clock and supply (docs/trust.md)."""
MOST_BOARDS = 12
"""Chosen: beyond that only boards with something to mark are drawn, as many."""
MINUTE_S = 60.0
TIME = Axis("minutes since the first run")


@dataclass(frozen=True)
class Kind:
    """One thing that is drawn over time: what its line is called, and how its readings become the unit of the axis."""

    name: str
    line: str
    unit: str
    take: Callable[[Trace], Sequence[Reading]]
    factor: float
    text: str


WARMTH = Kind("temperature", "hottest sensor", "°C", lambda trace: trace.temp_c, 1.0, "{:.1f} °C")
CLOCK = Kind("clock", "processor", "MHz", lambda trace: trace.clock_khz, 1e-3, "{:,.0f} MHz")


@dataclass(frozen=True)
class Climate:
    """`charts` board by board; `silent` are the boards that told nothing of the kind, `left_out` those not drawn."""

    charts: tuple[Chart, ...]
    no_temperature: tuple[str, ...]
    no_clock: tuple[str, ...]
    left_out: tuple[str, ...]


def climate(facts: SweepFacts) -> Climate:
    """Needs traces."""
    by_board = {device: [one for one in facts.traces if one.summary.device == device] for device in facts.devices}
    seen = {device: traces for device, traces in by_board.items() if traces}
    marked = [device for device, traces in seen.items() if _stretches(traces)]
    order = [*marked, *(device for device in seen if device not in marked)]
    charts = []
    for device in order[:MOST_BOARDS]:
        charts += _charts(facts.label_of(device), f"{facts.devices.index(device)}", seen[device])
    return Climate(
        tuple(charts),
        tuple(device for device, traces in seen.items() if not any(one.temp_c for one in traces)),
        tuple(device for device, traces in seen.items() if not any(one.clock_khz for one in traces)),
        tuple(order[MOST_BOARDS:]),
    )


def _charts(board: str, key: str, traces: Sequence[Trace]) -> list[Chart]:
    nominal = next((one.nominal_clock_khz for one in traces if one.nominal_clock_khz), None)
    limits = [Limit(nominal * CLOCK.factor, "nominal")] if nominal else []
    drawn = (_chart(WARMTH, board, key, traces), _chart(CLOCK, board, key, traces, limits))
    return [one for one in drawn if one is not None]


def _chart(kind: Kind, board: str, key: str, traces: Sequence[Trace], limits: Sequence[Limit] = ()) -> Chart | None:
    """None where nothing of the kind was read."""
    points = _joined(traces, kind)
    if all(value is None for _, value in points):
        return None
    stretches = _stretches(traces)
    return series_chart(
        f"{kind.name}-{key}",
        f"{board}: {kind.name}",
        [Line(kind.line, points)],
        TIME,
        Axis(kind.unit),
        stretches=stretches,
        limits=limits,
        text=kind.text.format,
        caption="" if stretches else "Nothing of heat, clock or supply was the matter in any run.",
    )


def _joined(traces: Sequence[Trace], kind: Kind) -> list[tuple[float, float | None]]:
    """The readings of all runs in order of time; between two runs the line is broken, since nobody looked."""
    points: list[tuple[float, float | None]] = []
    for trace in sorted(traces, key=lambda one: one.began_s):
        readings = kind.take(trace)
        if points and readings:
            points.append((readings[0][0] / MINUTE_S, None))
        points += [(at / MINUTE_S, None if value is None else value * kind.factor) for at, value in readings]
    return points


def _stretches(traces: Sequence[Trace]) -> list[Stretch]:
    """Runs that were held down; those of one reason that follow each other are one stretch."""
    found: list[Stretch] = []
    going = ""
    for trace in sorted(traces, key=lambda one: one.began_s):
        codes = [code for code in trace.summary.reasons.split() if code in HELD_DOWN]
        what = "; ".join(brief_of(code) for code in codes)
        start, end = trace.began_s / MINUTE_S, trace.ended_s / MINUTE_S
        if what and what == going:
            found[-1] = Stretch(found[-1].start, end, what)
        elif what:
            found.append(Stretch(start, end, what))
        going = what
    return found
