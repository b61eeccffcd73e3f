"""Sweeps on the terminal."""

from collections.abc import Sequence
from typing import Any

from orchestrator.records import SweepRecord
from orchestrator.report.console import cell, new_table, report_console


def sweep_row(record: SweepRecord, link_faults: int = 0) -> dict[str, Any]:
    """One sweep as plain values; `link_faults` is how many faults of its links are written down."""
    progress = record.progress
    return {
        "sweep": record.sweep_id,
        "name": record.name,
        "created": record.created.isoformat(),
        "protocol": record.sweep.protocol.name,
        "repeats": record.sweep.repeats,
        "seed": record.sweep.seed,
        "jobs": progress.jobs,
        "ok": progress.ok,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "owed": progress.owed,
        "link_faults": link_faults,
        "dynofarm": record.version,
    }


def sweeps_table(records: Sequence[SweepRecord]) -> None:
    """Print sweeps, newest first."""
    counted = ("jobs", "ok", "failed", "skipped", "to do")
    table = new_table(("sweep", "name", "created", "protocol", *counted), right=("sweep", *counted))
    for record in records:
        progress = record.progress
        created = record.created.astimezone().strftime("%Y-%m-%d %H:%M")
        counts = (progress.jobs, progress.ok, progress.failed, progress.skipped, progress.owed)
        texts = [str(count) if count else "–" for count in counts]
        table.add_row(*map(cell, (str(record.sweep_id), record.name, created, record.sweep.protocol.name, *texts)))
    report_console().print(table)
