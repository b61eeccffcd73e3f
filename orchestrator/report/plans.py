"""A plan before it runs: the cases, how often, what is skipped and why, and how long it will take."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.console import cell, new_table, report_console, words
from orchestrator.report.words import count_text, duration_text, options_text
from orchestrator.runs import Job, Role

FIRST_TIME_S = 8.0
"""Start of a process, load and save, for a case that was never measured: added to its protocol's shortest loop."""


def estimate_s(job: Job, typical_s: float | None) -> float:
    """How long a job takes: the median of its case in the store, else the least its protocol asks for."""
    if job.skip_reason is not None:
        return 0.0
    return typical_s if typical_s is not None else job.protocol.warmup_s + job.protocol.min_s + FIRST_TIME_S


def plan_rows(jobs: Sequence[Job], durations: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """One row a case, and one a board for the reference model, as plain values. `durations` by the jobs' ids: that of a
    job whose power is read is another than that of its case."""
    counts = Counter((job.case_key, job.role) for job in jobs)
    first = {(job.case_key, job.role): job for job in reversed(jobs)}
    return [
        {
            "role": str(job.role),
            "device": job.device,
            "model": job.model,
            "runtime": str(job.runtime),
            "threads": job.threads,
            "delegate": job.delegate,
            "options": dict(job.options),
            "jobs": counts[key] if job.skip_reason is None else 0,
            "skipped": job.skip_reason,
            "estimate_s": round(estimate_s(job, durations[job.job_id]) * counts[key], 1),
            "estimated_from": "stored runs" if durations[job.job_id] is not None else "the protocol",
        }
        for key, job in sorted(first.items())
    ]


def plan_table(rows: Sequence[Mapping[str, Any]], jobs: Sequence[Job], durations: Mapping[str, float | None]) -> None:
    """Print the plan, why cases are skipped, and the estimate; the reference model, which nobody asked for by name, is
    a part of a sentence."""
    cases = [row for row in rows if row["role"] == Role.CASE]
    table = new_table(
        ("device", "model", "runtime", "threads", "delegate", "options", "jobs", "time"),
        right=("threads", "jobs", "time"),
    )
    reasons = list(dict.fromkeys(row["skipped"] for row in cases if row["skipped"] is not None))
    for row in cases:
        cells = [row["device"], row["model"], row["runtime"], str(row["threads"]), row["delegate"]]
        cells += [options_text(row["options"]), str(row["jobs"] or "–")]
        skipped = row["skipped"] is not None
        last = f"skipped [{reasons.index(row['skipped']) + 1}]" if skipped else duration_text(row["estimate_s"])
        table.add_row(*map(cell, cells), cell(last, "yellow" if skipped else ""))
    console = report_console()
    console.print(table)
    for number, reason in enumerate(reasons, 1):
        console.print(words(f"[{number}] {reason}", "dim"), soft_wrap=not console.is_terminal)
    for line in dict.fromkeys(_extra_text(row) for row in rows if row not in cases and row["skipped"] is not None):
        console.print(words(line, "dim"), soft_wrap=not console.is_terminal)
    console.print(words(_total_text(jobs, durations)))


def _extra_text(row: Mapping[str, Any]) -> str:
    """What a board will do without, and why."""
    what = "no reference model: " if row["role"] == Role.REFERENCE else ""
    return f"{row['device']}: {what}{row['skipped']}"


def _total_text(jobs: Sequence[Job], durations: Mapping[str, float | None]) -> str:
    """Boards work side by side, but those of one machine take turns; the plan does not know the machines."""
    per_board: dict[str, float] = defaultdict(float)
    for job in jobs:
        if job.skip_reason is None:
            per_board[job.device] += estimate_s(job, durations[job.job_id])
    roles = Counter(job.role for job in jobs if job.skip_reason is None)
    to_run = roles[Role.CASE] + roles[Role.ENERGY] + roles[Role.PROFILE] + roles[Role.TASK]
    if not to_run:
        return "nothing to run: every case is skipped" if jobs else "nothing to run: the exclusions leave no case"
    told = f"{count_text(to_run, 'job')} on {count_text(len(per_board), 'board')}"
    apart = {
        Role.ENERGY: "with the power read",
        Role.PROFILE: "with the operators profiled",
        Role.TASK: "on a data set",
    }
    extra = [f"{roles[role]} of them {how}" for role, how in apart.items() if roles[role]]
    told += f" ({', '.join(extra)})" if extra else ""
    told += f" and {count_text(roles[Role.REFERENCE], 'run')} of the reference model" if roles[Role.REFERENCE] else ""
    told += ", "
    longest = duration_text(max(per_board.values()))
    if len(per_board) == 1:
        return f"{told}about {longest}"
    total = duration_text(sum(per_board.values()))
    return f"{told}about {longest} if the boards work side by side, {total} if they take turns"
