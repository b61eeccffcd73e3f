"""The results explorer: cases or runs as a table, in the columns of `dynofarm results`. Pure."""

from collections.abc import Sequence

from orchestrator.pages.badges import Badge, Tone, status_badge, verdict_badge
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.records import RunSummary
from orchestrator.report.cases import CaseRow, case_row, case_rows, trouble_text
from orchestrator.report.results import columns_of, energy_notes
from orchestrator.report.trust import trust_notes
from orchestrator.runs import RunStatus
from orchestrator.web import addresses

SORTS = (
    ("-started", "newest first"),
    ("started", "oldest first"),
    ("p50", "fastest first"),
    ("-p50", "slowest first"),
    ("p90", "least p90 first"),
    ("-p90", "greatest p90 first"),
    ("p99", "least p99 first"),
    ("cpu", "least processor time first"),
    ("rss", "least memory first"),
    ("-rss", "most memory first"),
    ("size", "smallest file first"),
    ("load", "fastest to load first"),
    ("device", "by board"),
    ("model", "by model"),
    ("runtime", "by runtime"),
    ("status", "by status"),
)
"""What the form offers; an address may name every key of `dynofarm results --sort`."""

SPARE = {"trust", "load ms"}
"""Columns of the terminal that stand elsewhere here: under outcome, and on the page of a run."""


def cases_table(runs: Sequence[RunSummary], *, notes: Sequence[str] = ()) -> Table:
    """A line a case; its name leads to its history."""
    rows = case_rows(runs)
    return _table("Cases", rows, notes, each_run=False)


def runs_table(runs: Sequence[RunSummary], *, notes: Sequence[str] = ()) -> Table:
    """A line a run; its id leads to its page."""
    return _table("Runs", [case_row([run]) for run in runs], notes, each_run=True)


def _table(caption: str, rows: Sequence[CaseRow], notes: Sequence[str], *, each_run: bool) -> Table:
    spare = SPARE | ({"kind"} if all(row.summary.device_kind == "real" for row in rows) else set())
    every = [column for column in columns_of(rows, each_run=each_run) if column.heading not in spare]
    names = [column for column in every if not column.numeric or column.heading == "threads"]
    figures = [column for column in every if column not in names]
    reasons = list(dict.fromkeys(one.message for row in rows for one in row.trouble if one.message))
    # What came of it stands before the figures: a screen may be too narrow for all of those.
    columns = [Column(column.heading, column.numeric) for column in names]
    columns += [Column("outcome"), *(Column(column.heading, column.numeric) for column in figures)]
    columns += [] if each_run else [Column("more")]
    body = [
        [
            *(_cell(column.heading, column.text(row), row) for column in names),
            _outcome(row, reasons),
            *(_cell(column.heading, column.text(row), row) for column in figures),
            *([] if each_run else [_history(row)]),
        ]
        for row in rows
    ]
    told = [f"[{number}] {reason}" for number, reason in enumerate(reasons, 1)]
    return make_table(caption, columns, body, [*told, *energy_notes(rows), *trust_notes(rows), *notes] if rows else ())


def _cell(heading: str, text: str, row: CaseRow) -> Cell:
    run = row.summary
    if heading == "run":
        return Cell(text, href=addresses.run(run.job_id, run.attempt))
    if heading == "device":
        return Cell(text, href=addresses.board(text))
    if heading == "model":
        return Cell(text, href=addresses.model(run.model_digest))
    return Cell(text, missing=text == "–")


def _outcome(row: CaseRow, reasons: Sequence[str]) -> Cell:
    """Of runs the verdict; of what gave no measurement how it ended, with the numbers of the reasons below."""
    if row.trouble:
        numbers = "".join(f"[{reasons.index(one.message) + 1}]" for one in row.trouble if one.message)
        badge = status_badge(row.trouble[0].status) if not row.good else Badge("some failed", "✕", Tone.BAD)
        if row.good and all(one.status is RunStatus.SKIPPED for one in row.trouble):
            badge = Badge("some skipped", "–", Tone.QUIET)
        return Cell(f"{trouble_text(row)} {numbers}" if row.good else numbers, badge=badge)
    verdicts = [verdict for verdict in row.verdicts if verdict is not None]
    worst = max(verdicts, key=("trusted", "suspect", "invalid").index, default=None)
    unsteady = "" if row.steady else "unsteady"
    return Cell(unsteady, badge=verdict_badge(worst))


def _history(row: CaseRow) -> Cell:
    case = addresses.case_of_run(row.summary)
    return Cell("history", href=addresses.history(case)) if case is not None else Cell("")
