"""Results on the terminal and in files: a row a case where people read, a row a run where programs do."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrator.errors import UsageError
from orchestrator.export import FORMATS, export
from orchestrator.records import RunSummary
from orchestrator.report.console import report_console
from orchestrator.report.words import bytes_text, latency_text
from orchestrator.runs import RunStatus


@dataclass(frozen=True)
class CaseRow:
    """The runs of one case together: medians over its runs, and how far the runs lie apart."""

    summary: RunSummary
    runs: int
    good: int
    median_ns: float | None
    spread: float | None
    p90_ns: float | None
    p99_ns: float | None
    load_ns: float | None
    first_ns: float | None
    cpu_ns: float | None
    peak_rss_bytes: float | None
    steady: bool
    trouble: str


def case_rows(runs: Sequence[RunSummary]) -> list[CaseRow]:
    """Group runs into cases, in order of first appearance. The unit of evidence is the run: figures are medians
    over runs, `spread` is (largest - smallest) / median of the runs' medians."""
    cases: dict[tuple[Any, ...], list[RunSummary]] = {}
    for run in runs:
        key = (
            run.case_key,
            run.runtime_version if run.status is RunStatus.OK else None,
            run.model_digest,
            run.protocol,
        )
        cases.setdefault(key, []).append(run)
    return [_case_row(members) for members in cases.values()]


def _case_row(members: Sequence[RunSummary]) -> CaseRow:
    good = [run for run in members if run.status is RunStatus.OK]
    middles = [run.median_ns for run in good if run.median_ns is not None]
    bad = [run for run in members if run.status is not RunStatus.OK]
    middle = median(middles) if middles else None
    return CaseRow(
        summary=good[0] if good else members[0],
        runs=len(members),
        good=len(good),
        median_ns=middle,
        spread=(max(middles) - min(middles)) / middle if middle and len(middles) > 1 else None,
        p90_ns=_middle([run.p90_ns for run in good]),
        p99_ns=_middle([run.p99_ns for run in good]),
        load_ns=_middle([run.load_ns for run in good]),
        first_ns=_middle([run.first_ns for run in good]),
        cpu_ns=_middle([run.cpu_ns_per_inference for run in good]),
        peak_rss_bytes=max((run.peak_rss_bytes for run in good if run.peak_rss_bytes), default=None),
        steady=all(run.steady for run in good),
        trouble=f"{bad[0].status.replace('_', ' ')}: {bad[0].message}" if bad else "",
    )


def _middle(values: Sequence[float | None]) -> float | None:
    """The median, or None where any run lacks the figure: a p99 of some runs is not the case's p99."""
    present = [value for value in values if value is not None]
    return median(present) if present and len(present) == len(values) else None


def results_table(
    runs: Sequence[RunSummary], *, each_run: bool = False, keep_order: bool = False, console: Console | None = None
) -> None:
    """Print runs as a table of cases (or of runs): what was measured, how fast, how steadily, how much memory."""
    groups = [row for run in runs for row in case_rows([run])] if each_run else case_rows(runs)
    if not keep_order and not each_run:
        groups.sort(key=lambda row: (row.summary.device, row.summary.model, row.summary.case_key))
    wide = {
        "runtime version": len({row.summary.runtime_version for row in groups}) > 1,
        "options": any(row.summary.options for row in groups),
        "delegate": len({row.summary.delegate for row in groups}) > 1,
    }
    table = Table(box=None, pad_edge=False)
    if each_run:
        table.add_column("run")
    for heading in ("device", "model", "runtime"):
        table.add_column(heading, overflow="fold")
    for heading, shown in wide.items():
        if shown:
            table.add_column(heading, overflow="fold")
    for heading in ("threads", "p50 ms", "p90 ms", "p99 ms", "runs ±", "CPU ms", "load ms", "peak RSS", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("remarks", overflow="fold")
    for row in groups:
        run = row.summary
        cells = [run.job_id[:8]] if each_run else []
        cells += [_device_text(run), run.model, run.runtime]
        cells += [text for shown, text in zip(wide.values(), _wide_cells(run), strict=True) if shown]
        table.add_row(*cells, *_figures(row), _remarks(row))
    (console or report_console()).print(table)


def _device_text(run: RunSummary) -> str:
    return run.device if run.device_kind == "real" else f"{run.device} ({run.device_kind})"


def _wide_cells(run: RunSummary) -> list[str]:
    options = " ".join(f"{key}={value}" for key, value in sorted(run.options.items()))
    return [run.runtime_version or "", options, run.delegate]


def _figures(row: CaseRow) -> list[str]:
    if row.good == 0:
        return [str(row.summary.threads), *["–"] * 7, ""]
    counts = str(row.summary.n) if row.good == 1 else f"{row.good} × {row.summary.n}"
    return [
        str(row.summary.threads),
        latency_text(row.median_ns),
        latency_text(row.p90_ns),
        latency_text(row.p99_ns),
        f"{row.spread / 2:.1%}" if row.spread is not None else "–",
        latency_text(row.cpu_ns),
        latency_text(row.load_ns),
        bytes_text(row.peak_rss_bytes),
        counts,
    ]


def _remarks(row: CaseRow) -> str:
    remarks = []
    if row.good and not row.steady:
        remarks.append("[yellow]unsteady warm-up[/yellow]")
    if row.trouble:
        colour = "yellow" if row.summary.status is RunStatus.SKIPPED else "red"
        count = f"{row.runs - row.good} of {row.runs} " if row.good else ""
        remarks.append(f"[{colour}]{count}{_escaped(row.trouble)}[/{colour}]")
    return "; ".join(remarks)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def write_results(runs: Sequence[RunSummary], output_format: str, output: Path | None) -> None:
    """Write a row a run to a file or to standard output; Parquet wants a file."""
    if output_format not in FORMATS:
        raise UsageError(f"--format {output_format}: no such format", f"there are: table, {', '.join(FORMATS)}")
    if output is None and output_format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for the terminal", "add --output results.parquet")
    data = export(runs, output_format)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        output.write_bytes(data)
