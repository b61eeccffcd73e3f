"""Duets on the terminal."""

from typing import Any

from orchestrator.comparing import Answer, Comparison
from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.words import count_text, latency_text
from orchestrator.runs import Job
from orchestrator.visits.duet import SIDES, Performance


def duet_values(device: str, performance: Performance, comparison: Comparison | None) -> dict[str, Any]:
    """What was found, as plain values; ratios are B over A, `threshold` is a share."""
    found = None
    if comparison is not None:
        found = {
            "answer": comparison.answer.value,
            "ratio": comparison.ratio,
            "low": comparison.low,
            "high": comparison.high,
            "p_value": comparison.p_value,
            "threshold": comparison.threshold,
            "more_duets": comparison.more_runs,
        }
    return {
        "device": device,
        "emulated": performance.emulated,
        "cpus": list(performance.cpus),
        "sides": {
            name: _side_values(job, version)
            for name, job, version in zip(SIDES, performance.jobs, performance.versions, strict=True)
        },
        "comparison": found,
        "duets": [
            {"ratio": one.ratio, "low": one.low, "high": one.high, "rounds": one.rounds}
            | {"a_ns": one.first_ns, "b_ns": one.second_ns}
            for one in performance.duets
        ],
        "notes": list(performance.notes),
        "failure": performance.failure or (performance.error.message if performance.error is not None else None),
    }


def duet_table(performance: Performance) -> None:
    """Print a line a duet; latencies are lower quartiles."""
    table = new_table(("duet", "A ms", "B ms", "B/A", "rounds say", "rounds"), right=("A ms", "B ms", "B/A", "rounds"))
    for number, one in enumerate(performance.duets, 1):
        row = (latency_text(one.first_ns), latency_text(one.second_ns), f"{one.ratio:.4f}")
        sure = "–" if one.low is None or one.high is None else f"{one.low:.4f} … {one.high:.4f}"
        table.add_row(*map(cell, (str(number), *row, sure, str(one.rounds))))
    report_console().print(table)


def duet_sentence(device: str, performance: Performance, comparison: Comparison) -> str:
    """The answer, with the interval that it comes from."""
    a, b = (
        f"{name} ({_side_text(job, version)})"
        for name, job, version in zip(SIDES, performance.jobs, performance.versions, strict=True)
    )
    interval = f"B/A {comparison.ratio:.3f} [{comparison.low:.3f}, {comparison.high:.3f}]"
    evidence = f"{interval}, {count_text(len(performance.duets), 'duet')}"
    evidence += f", emulated ({performance.emulated})" if performance.emulated else ""
    threshold = f"{100 * comparison.threshold:g} %"
    match comparison.answer:
        case Answer.SAME:
            return f"on {device} {b} is as fast as {a} within {threshold}: {evidence}"
        case Answer.INCONCLUSIVE:
            more = comparison.more_runs
            told = f"about {more} more would tell" if more else "more of them would not tell"
            return f"on {device} it is not clear whether {b} is faster than {a}: {evidence}; {told}"
    return f"on {device} {b} is {comparison.answer.value} than {a}: {evidence}"


def _side_text(job: Job, version: str | None) -> str:
    runtime = f"{job.runtime.name} {version}" if version else str(job.runtime)
    options = [f"{key}={value}" for key, value in sorted(job.options.items())]
    return ", ".join([job.model, runtime, job.delegate, count_text(job.threads, "thread"), *options])


def _side_values(job: Job, version: str | None) -> dict[str, Any]:
    return {
        "model": job.model,
        "digest": job.model_digest,
        "runtime": job.runtime.name,
        "runtime_version": version,
        "delegate": job.delegate,
        "threads": job.threads,
        "options": dict(job.options),
    }
