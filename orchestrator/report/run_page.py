"""One run, whole, on the terminal."""

from dataclasses import asdict
from datetime import UTC
from typing import Any

from rich.console import Console

from agent.protocol import JobResult
from orchestrator.energy import energy_of
from orchestrator.export import plain_row
from orchestrator.profile_tables import DETAIL, profile_of, table_values
from orchestrator.records import RunSummary, StoredRun
from orchestrator.report.conditions import condition_lines, sample_lines
from orchestrator.report.console import new_grid, report_console, words
from orchestrator.report.operators import print_operators
from orchestrator.report.spark import spark
from orchestrator.report.trust import trust_lines, trust_values
from orchestrator.report.words import (
    bytes_text,
    count_text,
    duration_text,
    energy_text,
    latency_text,
    options_text,
    status_text,
)
from orchestrator.runs import Role

KEYS_WIDTH = 20

_SHOWN_APART = ("energy", "cpus", "thermal_gate", "pushed_meanwhile", DETAIL)
_ROLES = {
    Role.CASE: "",
    Role.REFERENCE: ", the reference model",
    Role.ENERGY: ", with the power read",
    Role.PROFILE: ", operators profiled",
    Role.TASK: ", on a data set",
}


def run_values(stored: StoredRun) -> dict[str, Any]:
    """Everything as plain values: the summary, and what the board sent."""
    run = stored.run
    return {
        "sweep_name": stored.sweep_name,
        "summary": plain_row(stored.summary),
        "detail": run.detail,
        "judgement": trust_values(stored),
        "facts": asdict(run.facts) if run.facts else None,
        "result": asdict(run.result) if run.result else None,
        "operators": table_values(profile_of(run.result)) if run.result and run.job.role is Role.PROFILE else None,
    }


def run_page(stored: StoredRun, console: Console | None = None) -> None:
    """Print one run for a person."""
    console = console or report_console()
    console.print(new_grid(identity_lines(stored), width=KEYS_WIDTH))
    result = stored.run.result
    if result is None:
        console.print()
        console.print(words(f"{status_text(stored.summary.status)}: {stored.summary.message}", "bold"))
        if stored.run.detail:
            console.print(words(stored.run.detail))
        return
    parts = (
        ("Trust", trust_lines(stored)),
        ("Latency", latency_lines(stored.summary, result)),
        *([("Energy", energy_lines(result))] if stored.summary.role is Role.ENERGY else []),
        ("Memory and CPU", memory_lines(stored.summary, result)),
        ("Conditions: before, after", condition_lines(result.conditions_before, result.conditions_after)),
        ("Samples: least … median … most", sample_lines(result.samples)),
    )
    for heading, lines in parts:
        console.print()
        console.print(words(heading, "bold"))
        console.print(new_grid(lines, width=KEYS_WIDTH))
        if heading == "Trust" and stored.summary.role is Role.PROFILE:
            print_operators(profile_of(result), console)


def identity_lines(stored: StoredRun) -> list[tuple[str, str]]:
    """Which run it is, of what, and where."""
    run, facts = stored.summary, stored.run.facts
    board = (facts.board or facts.cpu or facts.architecture) if facts else "not seen"
    kind = "" if run.device_kind == "real" else f" ({run.device_kind})"
    runtime = f"{run.runtime} {run.runtime_version}" if run.runtime_version else run.runtime
    started = f"{run.started.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return [
        ("run", f"{run.job_id}, attempt {run.attempt}"),
        ("sweep", f"{run.sweep_id} ({stored.sweep_name}), block {run.block}{_ROLES[run.role]}"),
        ("device", f"{run.device}{kind}: {board}"),
        ("model", f"{run.model}, {run.model_format}, {bytes_text(run.file_bytes)}, hash {run.model_digest[:16]}"),
        ("runtime", f"{runtime}, delegate {run.delegate}, {count_text(run.threads, 'thread')}"),
        ("options", options_text(run.options) or "none"),
        ("measured", f"{started}, {duration_text(run.wall_s)} in all, protocol {run.protocol}"),
    ]


def latency_lines(run: RunSummary, result: JobResult) -> list[tuple[str, str]]:
    """How fast, how steadily, and whether the outputs were right."""
    timing = result.timing
    tails = ((90, run.p90_ns), (95, run.p95_ns), (99, run.p99_ns))
    known = [f"p{share} {latency_text(value)}" for share, value in tails if value is not None]
    lines = [
        (
            "inferences",
            f"{run.n} after {timing.warmup_inferences} to warm up" + ("" if timing.steady else ", unsteady"),
        ),
        ("median", f"{latency_text(run.median_ns)} ms"),
        ("tail", f"{', '.join(known)} ms" if known else "no percentile that so few inferences support"),
        ("least, most", f"{latency_text(run.min_ns)}, {latency_text(run.max_ns)} ms"),
        ("load, first", f"{latency_text(run.load_ns)}, {latency_text(run.first_ns)} ms"),
        ("over time", spark([float(value) for value in timing.latencies_ns])),
        ("checked against", _gate_text(result)),
    ]
    if run.p90_bound_ns is not None:
        lines.insert(3, ("p90 at most", f"{latency_text(run.p90_bound_ns)} ms, with 99 % confidence"))
    return lines


def energy_lines(result: JobResult) -> list[tuple[str, str]]:
    """From the stored readings, so that the reason of a missing figure is told too."""
    energy = energy_of(result)
    if energy.j_per_inference is None:
        lines = [("of an inference", f"not measured: {energy.reason}")]
    else:
        error = f" ± {energy_text(energy.uncertainty_j)}"
        lines = [("of an inference", f"{energy_text(energy.j_per_inference)}{error} mJ above the idle board")]
    if energy.provenance is not None:
        lines.append(("with the idle share", f"{energy_text(energy.gross_j_per_inference)} mJ"))
        lines.append(("idle board", f"{energy.idle_w:.3g} W"))
        lines.append(("measured by", energy.provenance))
    return lines


def _thermal_text(result: JobResult) -> str:
    """How the wait for a cool board ended (`agent/cooling.py`)."""
    state = str(result.details.get("thermal_gate", "–"))
    return f"{state}, after {duration_text(result.thermal_wait_s)}" if result.thermal_wait_s >= 1 else state


def _gate_text(result: JobResult) -> str:
    gate = result.gate
    if gate.checked == 0 or gate.worst_error is None:
        return "no reference: only that the outputs are finite and not all equal"
    return f"{count_text(gate.checked, 'reference')}, largest error {gate.worst_error:.2g} of the spread"


def memory_lines(run: RunSummary, result: JobResult) -> list[tuple[str, str]]:
    """Memory and processor time, and what the runtime told about itself."""
    details = [(key, value) for key, value in sorted(result.details.items()) if key not in _SHOWN_APART]
    ratio = f"{run.cpu_per_wall:.2f}" if run.cpu_per_wall is not None else "–"
    return [
        ("CPU per inference", f"{latency_text(run.cpu_ns_per_inference)} ms, {ratio} of the wall time"),
        ("peak RSS", bytes_text(run.peak_rss_bytes)),
        ("of it the model", f"{bytes_text(run.rss_delta_bytes)} (with the model minus the runtime alone)"),
        ("arena", bytes_text(run.arena_bytes)),
        ("on CPUs", ", ".join(map(str, result.details.get("cpus", []))) or "–"),
        ("thermal gate", _thermal_text(result)),
        ("the runtime says", ", ".join(f"{key}={value}" for key, value in details) or "nothing"),
    ]
