"""A sheet as Markdown, for a README or an issue. Pure."""

from collections.abc import Iterable

from orchestrator.report.characters import one_line
from orchestrator.report.study.sheet import Sheet

_READ_AS_MARKUP = "\\|<>[]`*_~#&"


def to_markdown(sheet: Sheet) -> str:
    """A heading, the table, the notes, the claims."""
    lines = [f"## {_escaped(sheet.title)}", ""]
    lines.append(_line(_escaped(column.heading) for column in sheet.columns))
    lines.append(_line("---:" if column.numeric else "---" for column in sheet.columns))
    lines += [_line(map(_escaped, row)) for row in sheet.rows]
    if sheet.notes:
        lines += ["", *(f"- {_escaped(note)}" for note in sheet.notes)]
    if sheet.claims:
        lines += ["", "| claim | outcome | because |", "| --- | --- | --- |"]
        lines += [_line(map(_escaped, (one.claim, one.outcome, one.because))) for one in sheet.claims]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    plain = one_line(" ".join(text.split()))
    return "".join(f"\\{sign}" if sign in _READ_AS_MARKUP else sign for sign in plain)
