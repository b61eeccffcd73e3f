"""One run, whole, on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.protocol import Conditions, JobResult
from orchestrator.records import RunSummary, StoredRun
from orchestrator.report.console import report_console
from orchestrator.report.words import bytes_text, duration_text, latency_text

BARS = "▁▂▃▄▅▆▇█"


def run_values(stored: StoredRun) -> dict[str, Any]:
    """Everything as plain values: the summary, and what the board sent."""
    run = stored.run
    return {
        "sweep_name": stored.sweep_name,
        "summary": asdict(stored.summary),
        "detail": run.detail,
        "facts": asdict(run.facts) if run.facts else None,
        "result": asdict(run.result) if run.result else None,
    }


def run_page(stored: StoredRun, console: Console | None = None) -> None:
    """Print one run for a person."""
    console = console or report_console()
    console.print(_grid(_identity(stored)))
    if stored.run.result is None:
        console.print(f"\n[bold]{stored.summary.status.replace('_', ' ')}[/bold]: {escape(stored.summary.message)}")
        if stored.run.detail:
            console.print(escape(stored.run.detail))
        return
    console.print("\n[bold]Latency[/bold]")
    console.print(_grid(_latency(stored.summary, stored.run.result)))
    console.print("\n[bold]Memory and CPU[/bold]")
    console.print(_grid(_memory(stored.summary, stored.run.result)))
    console.print("\n[bold]Conditions[/bold] (before, after)")
    console.print(_grid(_conditions(stored.run.result.conditions_before, stored.run.result.conditions_after)))
    console.print("\n[bold]Samples[/bold]")
    console.print(_grid(_samples(stored.run.result)))


def spark(values: Sequence[float], width: int = 48) -> str:
    """The course of a series as a line of bars: each bar is the mean of its stretch."""
    if not values:
        return ""
    stretch = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[at : at + stretch] for at in range(0, len(values), stretch))]
    low, high = min(means), max(means)
    if high == low:
        return BARS[0] * len(means)
    return "".join(BARS[round((mean - low) / (high - low) * (len(BARS) - 1))] for mean in means)


def _grid(lines: Sequence[tuple[str, str]]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True, min_width=18)
    grid.add_column(overflow="fold")
    for key, value in lines:
        grid.add_row(key, escape(value))
    return grid


def _identity(stored: StoredRun) -> list[tuple[str, str]]:
    run, facts = stored.summary, stored.run.facts
    board = (facts.board or facts.cpu or facts.architecture) if facts else "not seen"
    return [
        ("run", f"{run.job_id}, attempt {run.attempt}"),
        ("sweep", f"{run.sweep_id} ({stored.sweep_name}), block {run.block}"),
        ("device", f"{run.device}: {board}" + ("" if run.device_kind == "real" else f" ({run.device_kind})")),
        ("model", f"{run.model}, {run.model_format}, {run.file_bytes} bytes, {run.model_digest[:16]}"),
        ("runtime", f"{run.runtime} {run.runtime_version or ''}, {run.delegate}, {run.threads} threads"),
        ("options", ", ".join(f"{key}={value}" for key, value in sorted(run.options.items())) or "none"),
        ("measured", f"{run.started:%Y-%m-%d %H:%M:%S} UTC, {duration_text(run.wall_s)}, protocol {run.protocol}"),
    ]


def _latency(run: RunSummary, result: JobResult) -> list[tuple[str, str]]:
    timing = result.timing
    return [
        ("n", f"{run.n} after {timing.warmup_inferences} to warm up" + ("" if timing.steady else ", not steady")),
        ("median", f"{latency_text(run.median_ns)} ms"),
        ("p90, p95, p99", ", ".join(latency_text(value) for value in (run.p90_ns, run.p95_ns, run.p99_ns)) + " ms"),
        ("p90 with 99 % conf.", f"{latency_text(run.p90_bound_ns)} ms"),
        ("least, most", f"{latency_text(run.min_ns)}, {latency_text(run.max_ns)} ms"),
        ("load, first", f"{latency_text(run.load_ns)}, {latency_text(run.first_ns)} ms"),
        ("over time", spark([float(value) for value in timing.latencies_ns])),
        ("checked against", _gate_text(result)),
    ]


def _gate_text(result: JobResult) -> str:
    gate = result.gate
    if gate.checked == 0 or gate.worst_error is None:
        return "no reference: only that the outputs are finite and not all equal"
    return f"{gate.checked} references, largest error {gate.worst_error:.2g} of the spread"


def _memory(run: RunSummary, result: JobResult) -> list[tuple[str, str]]:
    ratio = f"{run.cpu_per_wall:.2f}" if run.cpu_per_wall is not None else "–"
    return [
        ("CPU per inference", f"{latency_text(run.cpu_ns_per_inference)} ms, {ratio} of the wall time"),
        ("peak RSS", bytes_text(run.peak_rss_bytes)),
        ("of it the model", f"{bytes_text(run.rss_delta_bytes)} (with the model minus the runtime alone)"),
        ("arena", bytes_text(run.arena_bytes)),
        ("the runtime says", ", ".join(f"{key}={value}" for key, value in sorted(result.details.items())) or "nothing"),
    ]


def _conditions(before: Conditions, after: Conditions) -> list[tuple[str, str]]:
    lines = []
    for key, first in asdict(before).items():
        then = getattr(after, key)
        if first is None and then is None:
            continue
        lines.append((key, f"{_value_text(first)}" if first == then else f"{_value_text(first)}, {_value_text(then)}"))
    return lines


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={item:g}" for key, item in sorted(value.items())) or "no sensor"
    return "no sensor" if value is None else str(value)


def _samples(result: JobResult) -> list[tuple[str, str]]:
    lines = []
    for name, values in sorted(result.samples.channels.items()):
        present = [value for value in values if value is not None]
        if present:
            middle = sorted(present)[len(present) // 2]
            lines.append((name, f"{spark(present)} {min(present):g} … {middle:g} … {max(present):g}"))
    return lines or [("none", "the board gave no samples")]
