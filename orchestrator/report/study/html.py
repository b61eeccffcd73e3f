"""A sheet as a page of HTML that loads nothing from elsewhere, readable in light and dark and aloud. Pure."""

import html

from orchestrator.report.characters import one_line
from orchestrator.report.study.sheet import Claimed, Sheet

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --line: #c4c4c4; --quiet: #595959;
  --holds: #14612d; --fails: #a11212; --undecided: #7a4f00; }
@media (prefers-color-scheme: dark) { :root { --ink: #ededed; --paper: #161616; --line: #4a4a4a; --quiet: #b0b0b0;
  --holds: #7ad694; --fails: #ff9b9b; --undecided: #f0c168; } }
body { margin: 2rem; background: var(--paper); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding-bottom: .5rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.notes { color: var(--quiet); max-width: 60rem; }
.holds { color: var(--holds); } .fails { color: var(--fails); } .undecided { color: var(--undecided); }
""".strip()


def to_html(sheet: Sheet, picture: str = "") -> str:
    """A whole page. `picture` is SVG of ours, which stands above the table as it is."""
    title = _escaped(sheet.title)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style></head>",
        "<body>",
        f"<h1>{title}</h1>",
        picture,
        _table(sheet),
        _notes(sheet),
        _claims(sheet.claims),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _table(sheet: Sheet) -> str:
    classes = [' class="number"' if column.numeric else "" for column in sheet.columns]
    heads = [
        f'<th scope="col"{kind}>{_escaped(column.heading)}</th>'
        for column, kind in zip(sheet.columns, classes, strict=True)
    ]
    lines = []
    for row in sheet.rows:
        cells = [f"<td{kind}>{_escaped(text)}</td>" for text, kind in zip(row, classes, strict=True)]
        if cells:
            cells[0] = f'<th scope="row"{classes[0]}>{_escaped(row[0])}</th>'
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join(
        [
            f'<div class="wide" role="region" tabindex="0" aria-label="{_escaped(sheet.title)}">',
            f"<table><caption>{_escaped(sheet.title)}</caption>",
            f"<thead><tr>{''.join(heads)}</tr></thead>",
            "<tbody>",
            *lines,
            "</tbody></table></div>",
        ]
    )


def _notes(sheet: Sheet) -> str:
    if not sheet.notes:
        return ""
    return '<ul class="notes">' + "".join(f"<li>{_escaped(note)}</li>" for note in sheet.notes) + "</ul>"


def _claims(claims: tuple[Claimed, ...]) -> str:
    if not claims:
        return ""
    lines = []
    for one in claims:
        outcome = _escaped(one.outcome)
        cells = f'<td class="{outcome}">{outcome}</td><td>{_escaped(one.because)}</td>'
        lines.append(f'<tr><th scope="row">{_escaped(one.claim)}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("claim", "outcome", "because"))
    body = "\n".join(lines)
    return f"<table><caption>Claims</caption><thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(one_line(text), quote=True)
