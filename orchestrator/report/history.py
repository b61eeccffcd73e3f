"""The history of cases on the terminal."""

from collections.abc import Sequence
from typing import Any

from orchestrator.comparing.history import Change, History
from orchestrator.comparing.measured import CASE_FIELDS
from orchestrator.comparing.verdicts import run_text
from orchestrator.report.console import cell, new_table, report_console, words
from orchestrator.report.spark import spark
from orchestrator.report.words import count_text, latency_text


def histories_table(found: Sequence[History]) -> None:
    """Print a line a case, and below it since when which case is another."""
    console = report_console()
    table = new_table(("case", "sweeps", "first ms", "last ms", "course"), right=("sweeps", "first ms", "last ms"))
    for one in found:
        middles = [point.median_ns for point in one.points]
        ends = [latency_text(middles[index]) if middles else "–" for index in (0, -1)]
        table.add_row(
            cell(run_text(one.run, one.apart)), cell(str(len(middles))), *map(cell, ends), cell(spark(middles))
        )
    console.print(table)
    for one in found:
        for change in one.changes:
            style = "red" if change.step.ratio > 1 else "green"
            console.print(words(f"{run_text(one.run, one.apart)}: {change_text(change)}", style), soft_wrap=True)
    left_out = sum(one.left_out for one in found)
    if left_out:
        console.print(words(f"{count_text(left_out, 'run')} left out, suspect or invalid", "dim"), soft_wrap=True)


def change_text(change: Change) -> str:
    """`slower by 8.1 % since 2026-11-03, first seen in sweep 41: runtime version 2.2.0 → 2.3.0`."""
    ratio = change.step.ratio
    day = change.since.started.astimezone().strftime("%Y-%m-%d")
    way = f"slower by {100 * (ratio - 1):.1f} %" if ratio > 1 else f"faster by {100 * (1 - ratio):.1f} %"
    causes = ", ".join(change.causes) or "nothing that is known changed then"
    return f"{way} since {day}, first seen in sweep {change.since.sweep_id}: {causes}"


def history_values(one: History) -> dict[str, Any]:
    """One case as plain values."""
    values = {field: one.run.value(field) for field in (*CASE_FIELDS, "kind", "emulated")}
    values["options"] = dict(values["options"])
    return values | {
        "apart": one.apart,
        "points": [
            {
                "sweep": point.sweep_id,
                "started": point.started.isoformat(),
                "median_ns": point.median_ns,
                "n": len(point.runs),
            }
            for point in one.points
        ],
        "changes": [
            {
                "sweep": change.since.sweep_id,
                "since": change.since.started.isoformat(),
                "sweep_before": change.before.sweep_id,
                "ratio": change.step.ratio,
                "before_ns": change.step.before,
                "after_ns": change.step.after,
                "p_value": change.step.p_value,
                "causes": list(change.causes),
            }
            for change in one.changes
        ],
        "left_out": one.left_out,
    }
