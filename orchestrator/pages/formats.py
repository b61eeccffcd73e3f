"""A report in the format that is asked for. Writers are functions from facts to pieces of a file."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.pages.markdown import to_markdown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.report import make_page, make_report
from orchestrator.report.study.formats import SUFFIXES, WRITERS
from orchestrator.report.study.table import study_sheet
from orchestrator.study import decide
from orchestrator.sweep_files.claims import parse_claims

HTML, MARKDOWN, PARQUET = "html", "markdown", "parquet"

Writer = Callable[[SweepFacts, datetime], Iterable[bytes]]


def _html(facts: SweepFacts, made: datetime) -> Iterable[bytes]:
    return [make_report(facts, made).encode("utf-8", "backslashreplace")]


def _markdown(facts: SweepFacts, made: datetime) -> Iterable[bytes]:
    return [to_markdown(make_page(facts, made)).encode("utf-8", "backslashreplace")]


def _study(name: str) -> Writer:
    """The table of all cases, as `dynofarm table` writes it."""

    def write(facts: SweepFacts, _made: datetime) -> Iterable[bytes]:
        record = facts.record
        decisions = decide(parse_claims(record.sweep.claims), facts.rows)
        sheet = study_sheet(f"{record.name} (sweep {record.sweep_id})", facts.rows, decisions)
        return [WRITERS[name](sheet).encode("utf-8", "backslashreplace")]

    return write


def _parquet(facts: SweepFacts, _made: datetime) -> Iterable[bytes]:
    """A row a run, of every role."""
    from orchestrator.export import export_parts  # where its extra is missing, the other formats still work

    return export_parts(facts.runs, PARQUET)


FORMATS: Mapping[str, Writer] = {
    HTML: _html,
    MARKDOWN: _markdown,
    "csv": _study("csv"),
    PARQUET: _parquet,
    "latex": _study("latex"),
}
DETAILED = (HTML, MARKDOWN)
"""What needs every latency and sample."""


def choose_format(wanted: str | None, output: Path | None) -> str:
    """The format of these words; without --format the suffix of the file tells, and HTML is usual.

    `UsageError` for one that there is not, and for a file whose suffix says nothing.
    """
    if wanted is not None:
        if wanted not in FORMATS:
            raise UsageError(f"--format {wanted}: no such format", f"there are: {', '.join(FORMATS)}")
        return wanted
    if output is None:
        return HTML
    found = (SUFFIXES | {".parquet": PARQUET}).get(output.suffix.lower(), "")
    if found not in FORMATS:
        raise UsageError(f"--output {output}: which format?", f"add --format; there are: {', '.join(FORMATS)}")
    return found
