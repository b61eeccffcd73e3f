"""Under which conditions boards measured, and what they are. Pure."""

from collections.abc import Callable, Iterable, Sequence

from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.tables import NOT_MEASURED, Cell, Table, make_table
from orchestrator.pages.traces import Trace
from orchestrator.report.words import bytes_text, count_text, duration_text


def conditions_table(facts: SweepFacts) -> Table:
    """Board by board, over all measured runs, before and after each. Needs traces."""
    rows: list[tuple[str | Cell, ...]] = []
    for device in facts.devices:
        mine = [trace for trace in facts.traces if trace.summary.device == device]
        if not mine:
            rows.append((facts.label_of(device), *(Cell(NOT_MEASURED, missing=True) for _ in range(7))))
            continue
        rows.append(
            (
                facts.label_of(device),
                _words(one.governor for trace in mine for one in (trace.before, trace.after)),
                _range(_clocks(mine), lambda value: f"{value / 1e3:,.0f} MHz"),
                _range(_temperatures(mine), lambda value: f"{value:.1f} °C"),
                _range(_conditions(mine, "load_1m"), lambda value: f"{value:.2f}"),
                _range(_conditions(mine, "memory_available_bytes"), bytes_text),
                _range(_conditions(mine, "swap_used_bytes"), bytes_text),
                Cell(_waits(mine)),
            )
        )
    columns = ("device", "governor", "clock", "temperature", "load", "memory free", "swap used", "waited to cool")
    return make_table("Conditions, from the least to the most", columns, rows)


def boards_table(facts: SweepFacts) -> Table:
    """What each board is."""
    rows: list[tuple[str | Cell, ...]] = []
    for device in facts.devices:
        found = facts.boards.get(device)
        if found is None:
            rows.append((facts.label_of(device), *(Cell("never reached", missing=True) for _ in range(6))))
            continue
        rows.append(
            (
                facts.label_of(device),
                found.board or found.emulated or "unknown",
                f"{found.cpu or 'unknown'}, {count_text(found.cores, 'core')}, {found.architecture}",
                bytes_text(found.memory_bytes) if found.memory_bytes else "unknown",
                found.system or "unknown",
                found.kernel,
                f"{found.libc or 'no libc known'}, Python {found.python}",
            )
        )
    columns = ("device", "board", "processor", "memory", "system", "kernel", "libraries")
    return make_table("Boards, as they said", columns, rows)


def _clocks(traces: Sequence[Trace]) -> list[float]:
    sampled = [value for trace in traces for _, value in trace.clock_khz if value is not None]
    return sampled or _conditions(traces, "clock_khz")


def _temperatures(traces: Sequence[Trace]) -> list[float]:
    sampled = [value for trace in traces for _, value in trace.temp_c if value is not None]
    told = [value for trace in traces for one in (trace.before, trace.after) for value in one.temperatures_c.values()]
    return sampled or told


def _conditions(traces: Sequence[Trace], name: str) -> list[float]:
    values = [getattr(one, name) for trace in traces for one in (trace.before, trace.after)]
    return [float(value) for value in values if value is not None]


def _range(values: Sequence[float], text: Callable[[float], str]) -> Cell:
    if not values:
        return Cell(NOT_MEASURED, missing=True)
    least, most = text(min(values)), text(max(values))
    return Cell(least if least == most else f"{least} … {most}")


def _words(values: Iterable[str | None]) -> Cell:
    told = list(dict.fromkeys(value for value in values if value))
    return Cell(", ".join(told)) if told else Cell(NOT_MEASURED, missing=True)


def _waits(traces: Sequence[Trace]) -> str:
    waited = [trace.summary.thermal_wait_s or 0.0 for trace in traces]
    gates = dict.fromkeys(trace.thermal_gate for trace in traces if trace.thermal_gate)
    if max(waited) >= 1:
        return f"up to {duration_text(max(waited))}; {', '.join(gates)}"
    return ", ".join(gates) or "no"
