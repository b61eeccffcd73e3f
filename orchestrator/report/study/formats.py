"""Which formats there are, and which is meant. Writers are functions from a sheet to text."""

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.report.study.html import to_html
from orchestrator.report.study.latex import to_latex
from orchestrator.report.study.markdown import to_markdown
from orchestrator.report.study.plain import to_csv, to_json
from orchestrator.report.study.sheet import Sheet

WRITERS: Mapping[str, Callable[[Sheet], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
    "json": to_json,
}
TABLE = "table"
SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex", ".html": "html", ".htm": "html", ".json": "json"}


def choose_format(wanted: str | None, output: Path | None, more: tuple[str, ...] = ()) -> str:
    """The format of these words; without --format the suffix of the file tells. `more` are formats besides these.

    `UsageError` for one that there is not, and for a file whose suffix says nothing.
    """
    known = (*WRITERS, *more)
    if wanted is not None:
        if wanted not in (TABLE, *known):
            raise UsageError(f"--format {wanted}: no such format", f"there are: {', '.join((TABLE, *known))}")
        if wanted == TABLE and output is not None:
            raise UsageError("--format table is for the terminal", f"for a file there are: {', '.join(known)}")
        return wanted
    if output is None:
        return TABLE
    suffixes = SUFFIXES | {f".{name}": name for name in more}
    if output.suffix.lower() not in suffixes:
        raise UsageError(f"--output {output}: which format?", f"add --format; there are: {', '.join(known)}")
    return suffixes[output.suffix.lower()]
