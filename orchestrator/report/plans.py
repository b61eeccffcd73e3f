"""A plan before it runs: the cases, how often, what is skipped and why, and how long it will take."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from orchestrator.report.console import report_console
from orchestrator.report.words import duration_text
from orchestrator.runs import Job

FIRST_TIME_S = 8.0
"""Start of a process, load and save, for a case that was never measured: added to its protocol's shortest loop."""


def estimate_s(job: Job, typical_s: float | None) -> float:
    """How long a job takes: the median of its case in the store, else the least its protocol asks for."""
    if job.skip_reason is not None:
        return 0.0
    return typical_s if typical_s is not None else job.protocol.warmup_s + job.protocol.min_s + FIRST_TIME_S


def plan_rows(jobs: Sequence[Job], durations: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """One row a case, as plain values."""
    counts = Counter(job.case_key for job in jobs)
    first = {job.case_key: job for job in reversed(jobs)}
    return [
        {
            "device": job.device,
            "model": job.model,
            "runtime": str(job.runtime),
            "threads": job.threads,
            "delegate": job.delegate,
            "options": dict(job.options),
            "jobs": counts[key] if job.skip_reason is None else 0,
            "skipped": job.skip_reason,
            "estimate_s": round(estimate_s(job, durations[key]) * counts[key], 1),
            "estimated_from": "stored runs" if durations[key] is not None else "the protocol",
        }
        for key, job in sorted(first.items())
    ]


def plan_table(rows: Sequence[Mapping[str, Any]], jobs: Sequence[Job], durations: Mapping[str, float | None]) -> None:
    """Print the plan and its estimate: boards work side by side, so the longest board decides."""
    table = Table(box=None, pad_edge=False)
    for heading in ("device", "model", "runtime", "threads", "delegate", "options", "jobs", "time"):
        table.add_column(heading, justify="right" if heading in ("threads", "jobs", "time") else "left")
    for row in rows:
        cells = [row["device"], row["model"], row["runtime"], str(row["threads"]), row["delegate"]]
        options = " ".join(f"{key}={value}" for key, value in sorted(row["options"].items()))
        last = (
            duration_text(row["estimate_s"])
            if row["skipped"] is None
            else f"[yellow]skipped: {row['skipped']}[/yellow]"
        )
        table.add_row(*cells, options, str(row["jobs"]), last)
    console = report_console()
    console.print(table)
    per_board: dict[str, float] = defaultdict(float)
    for job in jobs:
        per_board[job.device] += estimate_s(job, durations[job.case_key])
    to_run = sum(job.skip_reason is None for job in jobs)
    console.print(
        f"{to_run} jobs on {len(per_board)} boards, about {duration_text(max(per_board.values(), default=0.0))}"
        " if the boards work side by side"
    )
