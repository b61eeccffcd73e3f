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
    stretches = _stretches(traces)
    caption = "" if stretches else "Nothing of heat, clock or supply was the matter in any run."
    charts = []
    warm = _joined(traces, lambda one: one.temp_c, 1.0)
    if any(value is not None for _, value in warm):
        charts.append(
            series_chart(
                f"temperature-{key}",
                f"{board}: temperature",
                [Line("hottest sensor", warm)],
                TIME,
                Axis("°C"),
                stretches=stretches,
                text="{:.1f} °C".format,
                caption=caption,
            )
        )
    fast = _joined(traces, lambda one: one.clock_khz, 1e-3)
    if any(value is not None for _, value in fast):
        nominal = next((one.nominal_clock_khz for one in traces if one.nominal_clock_khz), None)
        charts.append(
            series_chart(
                f"clock-{key}",
                f"{board}: clock",
                [Line("processor", fast)],
                TIME,
                Axis("MHz"),
                stretches=stretches,
                limits=[Limit(nominal * 1e-3, "nominal")] if nominal else [],
                text="{:,.0f} MHz".format,
                caption=caption,
            )
        )
    return charts


def _joined(
    traces: Sequence[Trace], take: Callable[[Trace], Sequence[Reading]], factor: float
) -> list[tuple[float, float | None]]:
    """The readings of all runs in order of time; between two runs the line is broken, since nobody looked."""
    points: list[tuple[float, float | None]] = []
    for trace in sorted(traces, key=lambda one: one.began_s):
        readings = take(trace)
        if points and readings:
            points.append((readings[0][0] / MINUTE_S, None))
        points += [(at / MINUTE_S, None if value is None else value * factor) for at, value in readings]
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
