"""Numbers and things in words, one way each. Pure."""

from orchestrator.runs import Job, Run, RunStatus
from orchestrator.runtimes import usual_delegate


def bytes_text(size_bytes: float | None) -> str:
    """`1.4 MB`; decimal units, as disks and links are sold."""
    if size_bytes is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.3g} {unit}"
    return f"{size_bytes:.0f} B"


def duration_text(duration_s: float) -> str:
    """`45 s`, `3 min`, `2 h 10 min`."""
    if duration_s < 90:
        return f"{duration_s:.0f} s"
    minutes = round(duration_s / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def latency_text(latency_ns: float | None) -> str:
    """Milliseconds with three significant digits; a dash where there is no figure that n supports."""
    if latency_ns is None:
        return "–"
    ms = latency_ns / 1e6
    if ms >= 100:
        return f"{ms:.0f}"
    return f"{ms:.2f}" if ms >= 10 else f"{ms:.3f}"


def job_text(job: Job) -> str:
    """`mobilebert · litert · 4 threads · delegate none`; what is usual is left out."""
    parts = [job.model, str(job.runtime), f"{job.threads} thread{'s' * (job.threads != 1)}"]
    if job.delegate != usual_delegate(job.runtime.name):
        parts.append(f"delegate {job.delegate}")
    parts += [f"{key}={value}" for key, value in sorted(job.options.items())]
    return " · ".join(parts)


def run_text(run: Run) -> str:
    """One line that says what came of a job."""
    if run.status is RunStatus.OK and run.result is not None:
        latencies = run.result.timing.latencies_ns
        middle = sorted(latencies)[len(latencies) // 2]
        return f"{job_text(run.job)}: {latency_text(middle)} ms (median of {len(latencies)})"
    return f"{job_text(run.job)}: {run.status.replace('_', ' ')}: {run.message}"
