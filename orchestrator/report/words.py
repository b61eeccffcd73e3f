"""Numbers and things in words, one way each. Pure."""

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from orchestrator.runs import Role, RunStatus

if TYPE_CHECKING:
    from orchestrator.runs import Job, Run


def count_text(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`, `0 jobs`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def bytes_text(size_bytes: float | None) -> str:
    """`1.4 MB`; decimal units, as disks and links are sold."""
    if size_bytes is None:
        return "–"
    size = abs(size_bytes)
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.9995 * factor:  # rounds to 1.00 of this unit, not to 1e+03 of the one below
            digits = 4 if size >= 999.5 * factor else 3
            return f"{size_bytes / factor:.{digits}g} {unit}"
    return f"{size_bytes:.0f} B"


def duration_text(duration_s: float) -> str:
    """`45 s`, `3 min`, `2 h 10 min`; what is shorter than a second is never told as nothing."""
    if 0.05 <= duration_s < 0.95:
        return f"{duration_s:.1f} s"
    if duration_s < 89.5:
        return f"{duration_s:.0f} s"
    minutes = round(duration_s / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def latency_text(latency_ns: float | None) -> str:
    """Milliseconds with at least three significant digits; a dash where there is no figure that n supports."""
    if latency_ns is None:
        return "–"
    ms = latency_ns / 1e6
    if ms >= 100:
        return f"{ms:.0f}"
    return f"{ms:.2f}" if ms >= 10 else f"{ms:.3f}"


def energy_text(energy_j: float | None) -> str:
    """Millijoules with three significant digits; a dash where it was not measured."""
    if energy_j is None:
        return "–"
    mj = energy_j * 1e3
    return f"{mj:.0f}" if abs(mj) >= 100 else f"{mj:.3g}"


def options_text(options: Mapping[str, Any]) -> str:
    """`level=all sleep_ms=1`; nothing for no options."""
    return " ".join(f"{key}={value}" for key, value in sorted(options.items()))


def job_text(job: "Job") -> str:
    """`mobilebert · litert · 4 threads · delegate none`; what is usual is left out. `reference model` for its jobs."""
    from orchestrator.runtimes import usual_delegate

    if job.role is Role.REFERENCE:
        return "reference model"
    parts = [job.model, str(job.runtime), count_text(job.threads, "thread")]
    if job.delegate != usual_delegate(job.runtime.name):
        parts.append(f"delegate {job.delegate}")
    parts += [f"{key}={value}" for key, value in sorted(job.options.items())]
    if job.role is Role.ENERGY:
        parts.append("with the power read")
    if job.role is Role.PROFILE:
        parts.append("operators profiled")
    if job.role is Role.TASK:
        parts.append("data set" if job.task is None else job.task.label)
    return " · ".join(parts)


def run_text(run: "Run") -> str:
    """One line that says what came of a job."""
    if run.status is RunStatus.OK and run.result is not None and run.result.timing.latencies_ns:
        latencies = run.result.timing.latencies_ns
        return f"{job_text(run.job)}: {latency_text(median(latencies))} ms (median of {len(latencies)})"
    return f"{job_text(run.job)}: {status_text(run.status)}: {run.message}"


def status_text(status: RunStatus) -> str:
    """`out of memory`."""
    return status.replace("_", " ")
