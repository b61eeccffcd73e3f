"""Results on the terminal and in files: a row a case where people read, a row a run where programs do."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from orchestrator.records import RunSummary
from orchestrator.report.cases import CaseRow, case_row, case_rows, trouble_text
from orchestrator.report.characters import one_line
from orchestrator.report.console import GAP, OpenTable, add_column, cell, report_console, words
from orchestrator.report.markdown import markdown_text
from orchestrator.report.trust import trust_notes, trust_text, verdict_text
from orchestrator.report.words import bytes_text, energy_text, latency_text, options_text
from orchestrator.runs import Role, RunStatus

DOUBTS_NEXT = "what to do about it: dynofarm show RUN (its id: dynofarm results --each-run)"

REMARKS = "remarks"
LONG_TEXT = 20
"""A text longer than this may be folded, before a column of figures has to go."""


@dataclass(frozen=True)
class Column:
    """One column. `rank`: which go first where there is no room, the highest first; those of rank 0 stay."""

    heading: str
    text: Callable[[CaseRow], str]
    rank: int = 0
    numeric: bool = True


def results_table(
    runs: Sequence[RunSummary],
    *,
    each_run: bool = False,
    keep_order: bool = False,
    energy: Sequence[RunSummary] = (),
    notes: Sequence[str] = (),
    console: Console | None = None,
) -> None:
    """Print runs as a table of cases (or of runs): what was measured, how fast, how steadily, how much memory.

    Why there is no figure stands below the table, each reason once; cases that were skipped stand there alone, counted.
    Columns that find no room are named. `notes`: what is to be said of the runs as a whole.
    """
    rows, skipped = _part(_rows(runs, energy, each_run=each_run, keep_order=keep_order))
    console = console or report_console()
    reasons = _reasons(rows)
    remarks = [_remarks(row, reasons) for row in rows]
    every = columns = [_write(column, rows) for column in columns_of(rows, each_run=each_run)]
    while _wanted(columns, remarks) > console.width:
        spare = max(columns, key=lambda one: one.column.rank)
        if spare.column.rank == 0:
            break
        columns = [one for one in columns if one is not spare]
    console.print(_table(columns, remarks))
    for number, reason in enumerate(reasons, 1):
        console.print(words(f"[{number}] {reason}", "dim"), soft_wrap=not console.is_terminal)
    for reason, cases in skipped.items():
        text = f"skipped, {cases} case{'s' * (cases != 1)}: {reason}"
        console.print(words(text, "dim"), soft_wrap=not console.is_terminal)
    doubts = trust_notes(rows)
    for note in [*energy_notes(rows), *doubts, *([DOUBTS_NEXT] if doubts else []), *notes]:
        console.print(words(note, "dim"), soft_wrap=not console.is_terminal)
    left_out = [one.column.heading for one in every if one not in columns]
    if left_out:
        console.print(words(f"no room here for: {', '.join(left_out)}", "dim"))


def markdown_table(
    runs: Sequence[RunSummary],
    *,
    each_run: bool = False,
    keep_order: bool = False,
    energy: Sequence[RunSummary] = (),
    notes: Sequence[str] = (),
) -> str:
    """The same table for a README or an issue, every column in it."""
    rows = _rows(runs, energy, each_run=each_run, keep_order=keep_order)
    reasons = _reasons(rows)
    columns = columns_of(rows, each_run=each_run)
    lines = [[column.heading for column in columns] + ["remarks"]]
    lines.append(["---:" if column.numeric else "---" for column in columns] + ["---"])
    lines += [[column.text(row) for column in columns] + [_remarks(row, reasons).plain] for row in rows]
    text = "".join(f"| {' | '.join(map(markdown_text, line))} |\n" for line in lines)
    below = [f"[{number}] {markdown_text(reason)}" for number, reason in enumerate(reasons, 1)]
    below += [markdown_text(note) for note in [*energy_notes(rows), *trust_notes(rows), *notes]]
    return text + ("\n" + "".join(f"- {note}\n" for note in below) if below else "")


def _part(rows: Sequence[CaseRow]) -> tuple[list[CaseRow], dict[str, int]]:
    """The rows to be shown, and the skipped cases by reason: in a mixed sweep they would hide what was measured."""
    shown = [row for row in rows if not row.skipped]
    if not shown:
        return list(rows), {}
    return shown, Counter(row.trouble[0].message for row in rows if row.skipped)


def _rows(
    runs: Sequence[RunSummary], energy: Sequence[RunSummary], *, each_run: bool, keep_order: bool
) -> list[CaseRow]:
    if each_run:
        return [case_row([run]) for run in runs]
    rows = case_rows(runs, energy)
    if not keep_order:
        rows.sort(key=lambda row: (row.summary.device, row.summary.model, row.summary.case_key))
    return rows


def columns_of(rows: Sequence[CaseRow], *, each_run: bool) -> list[Column]:
    """Those that say something: what is the same for all rows, or is in none, is left out."""
    summaries = [row.summary for row in rows]
    versions = len({(run.runtime, run.runtime_version) for run in summaries if run.runtime_version})
    several_versions = versions > len({run.runtime for run in summaries if run.runtime_version})
    all_real = all(run.device_kind == "real" for run in summaries)
    columns = [
        (each_run, Column("run", lambda row: row.summary.job_id[:8], numeric=False)),
        (True, Column("device", lambda row: row.summary.device, numeric=False)),
        (True, Column("kind", lambda row: row.summary.device_kind, 8 * all_real, numeric=False)),
        (
            any(run.role is not Role.CASE for run in summaries),
            Column("role", lambda row: str(row.summary.role), numeric=False),
        ),
        (True, Column("model", lambda row: row.summary.model, numeric=False)),
        (True, Column("runtime", lambda row: row.summary.runtime, numeric=False)),
        (several_versions, Column("version", lambda row: row.summary.runtime_version or "", numeric=False)),
        (
            any(run.options for run in summaries),
            Column("options", lambda row: options_text(row.summary.options), numeric=False),
        ),
        (
            len({run.delegate for run in summaries}) > 1,
            Column("delegate", lambda row: row.summary.delegate, numeric=False),
        ),
        (True, Column("threads", lambda row: str(row.summary.threads))),
        (True, Column("p50 ms", lambda row: latency_text(row.median_ns))),
        (True, Column("p90 ms", lambda row: latency_text(row.p90_ns), 2)),
        (True, Column("p99 ms", lambda row: latency_text(row.p99_ns), 5)),
        (not each_run, Column("runs ±", _spread_text, 1)),
        (True, Column("CPU ms", lambda row: latency_text(row.cpu_ns), 6)),
        (any(row.energy_j is not None for row in rows), Column("mJ/inf", lambda row: energy_text(row.energy_j), 2)),
        (True, Column("load ms", lambda row: latency_text(row.load_ns), 7)),
        (True, Column("peak RSS", lambda row: bytes_text(row.peak_rss_bytes), 3)),
        (True, Column("n", _counts_text, 4)),
        (
            any(verdict is not None for row in rows for verdict in row.verdicts),
            Column("trust", verdict_text if each_run else trust_text, 1, numeric=False),
        ),
    ]
    return [column for shown, column in columns if shown]


def _spread_text(row: CaseRow) -> str:
    return f"{row.spread / 2:.1%}" if row.spread is not None else "–"


def _counts_text(row: CaseRow) -> str:
    if row.good == 0:
        return "–"
    least, most = row.inferences
    each = str(least) if least == most else f"≥{least}"
    return each if row.good == 1 else f"{row.good} × {each}"


@dataclass(frozen=True)
class _Written:
    """A column with its texts, and how wide it reads well: figures whole, long texts in a few lines."""

    column: Column
    texts: list[str]
    width: int


def _write(column: Column, rows: Sequence[CaseRow]) -> _Written:
    texts = [one_line(column.text(row)) for row in rows]
    return _Written(column, texts, _width(column.heading, texts, numeric=column.numeric))


def _width(heading: str, texts: Iterable[str], *, numeric: bool) -> int:
    widest = max(map(cell_len, texts), default=0)
    return max(len(heading), widest if numeric else min(widest, LONG_TEXT))


def _wanted(columns: Sequence[_Written], remarks: Sequence[Text]) -> int:
    """The width at which the table reads well."""
    widths = [*(one.width for one in columns), _width(REMARKS, (one.plain for one in remarks), numeric=False)]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _table(columns: Sequence[_Written], remarks: Sequence[Text]) -> OpenTable:
    table = OpenTable()
    for one in columns:
        add_column(table, one.column.heading, numeric=one.column.numeric)
    cells: list[Sequence[str | Text]] = [one.texts for one in columns]
    if any(remarks):
        add_column(table, REMARKS, numeric=False)
        cells.append(remarks)
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    return table


def _remarks(row: CaseRow, reasons: Sequence[str]) -> Text:
    """In words, with the numbers of the reasons below the table."""
    parts = []
    if row.good and not row.steady:
        parts.append(Text("unsteady", style="yellow"))
    if row.trouble:
        harmless = all(one.status is RunStatus.SKIPPED for one in row.trouble)
        numbers = "".join(f" [{reasons.index(one.message) + 1}]" for one in row.trouble if one.message)
        parts.append(cell(trouble_text(row) + numbers, "yellow" if harmless else "red"))
    return Text("; ").join(parts)


def _reasons(rows: Sequence[CaseRow]) -> list[str]:
    """Every reason once, in the order of the rows."""
    return list(dict.fromkeys(one.message for row in rows for one in row.trouble if one.message))


def energy_notes(rows: Sequence[CaseRow]) -> list[str]:
    """What told the energy, and of what: package power is not the power of a board."""
    devices: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.energy_j is not None and row.energy_source is not None:
            devices.setdefault(row.energy_source, {})[row.summary.device] = None
    return [f"mJ/inf on {', '.join(names)}, above the idle board: {source}" for source, names in devices.items()]
