"""Baselines on the terminal."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from orchestrator.comparing.baselines import BaselineCase, BaselineRecord, Choice
from orchestrator.comparing.measured import CASE_FIELDS, Measured
from orchestrator.comparing.verdicts import run_text
from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.words import count_text, latency_text


def baseline_values(record: BaselineRecord) -> dict[str, Any]:
    """One baseline as plain values."""
    return {
        "name": record.name,
        "created": record.created.isoformat(),
        "added": record.added.isoformat(),
        "devices": list(record.devices),
        "sweeps": list(record.sweeps),
        "cases": record.cases,
        "runs": record.runs,
        "forced": record.forced,
    }


def baselines_table(records: Sequence[BaselineRecord]) -> None:
    """Print a line a baseline."""
    table = new_table(
        ("name", "set", "boards", "sweeps", "cases", "runs", "suspect"), right=("cases", "runs", "suspect")
    )
    for one in records:
        when = one.added.astimezone().strftime("%Y-%m-%d %H:%M")
        sweeps = ", ".join(map(str, one.sweeps))
        row = (one.name, when, ", ".join(one.devices), sweeps, str(one.cases), str(one.runs), str(one.forced))
        table.add_row(*map(cell, row))
    report_console().print(table)


def baseline_case_values(case: BaselineCase) -> dict[str, Any]:
    """One case of a baseline as plain values."""
    first = case.runs[0]
    values = {field: first.value(field) for field in (*CASE_FIELDS, "version", "protocol", "kind")}
    values["options"] = dict(values["options"])
    return values | {
        "digest": first.digest,
        "median_ns": _middle(case.runs),
        "runs": [run.job_id for run in case.runs],
        "sweeps": sorted({run.sweep_id for run in case.runs}),
        "forced": case.forced,
    }


def baseline_cases_table(cases: Sequence[BaselineCase]) -> None:
    """Print a line a case."""
    headings = ("device", "model", "runtime", "version", "threads", "p50 ms", "runs", "sweeps", "suspect")
    table = new_table(headings, right=("threads", "p50 ms", "runs", "suspect"))
    for case in cases:
        first = case.runs[0]
        row = [first.text(field) for field in ("device", "model", "runtime", "version", "threads")]
        sweeps = ", ".join(map(str, sorted({run.sweep_id for run in case.runs})))
        row += [latency_text(_middle(case.runs)), str(len(case.runs)), sweeps, str(case.forced)]
        table.add_row(*map(cell, row))
    report_console().print(table)


def refused_text(runs: Sequence[Measured]) -> str:
    """Why a case cannot be a baseline."""
    codes = ", ".join(dict.fromkeys(code for run in runs for code in run.reasons))
    doubted = [str(run.verdict) for run in runs if run.verdict is not None and run.verdict != "trusted"]
    verdicts = " or ".join(dict.fromkeys(doubted))
    counted = f"{len(doubted)} of {count_text(len(runs), 'run')}"
    return f"{run_text(runs[0])}: {counted} {verdicts}{f': {codes}' if codes else ''}"


def choice_lines(name: str, choice: Choice, replaced: int) -> list[str]:
    """What went into a baseline, in sentences."""
    lines = [f"baseline {name}: {count_text(len(choice.kept), 'run')}{f' in place of {replaced}' if replaced else ''}"]
    if choice.forced:
        lines.append(f"{count_text(len(choice.forced), 'run')} of them suspect, as you wished")
    if choice.left_out:
        lines.append(f"{count_text(choice.left_out, 'run')} left out, suspect or invalid")
    if choice.single:
        cases = count_text(len(choice.single), "case")
        lines.append(f"{cases} with one run only, of which nothing can be told for certain: measure with --repeats 5")
    return lines


def _middle(runs: Sequence[Measured]) -> float:
    return median(run.median_ns for run in runs if run.median_ns is not None)
