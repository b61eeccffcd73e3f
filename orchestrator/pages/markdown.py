"""The same report as Markdown: its words and tables, without charts. Pure."""

from collections.abc import Iterator

from orchestrator.pages.report import Page, Section
from orchestrator.pages.sections.sentences import Said
from orchestrator.pages.tables import Cell, Table
from orchestrator.report.characters import visible
from orchestrator.report.markdown import markdown_text


def to_markdown(page: Page) -> str:
    """A heading a section; what has only charts is left out."""
    return visible("\n".join(_lines(page))) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield f"# {markdown_text(page.title)}"
    yield ""
    yield ", ".join(f"{value} {key}" for key, value in page.figures) + "."
    for section in page.sections:
        lines = list(_section(section))
        if lines:
            yield ""
            yield f"## {section.heading}"
            yield from lines


def _section(section: Section) -> Iterator[str]:
    for sentence in section.lead:
        yield from ("", markdown_text(sentence))
    for one in section.said:
        yield from _said(one)
    if section.pairs:
        yield ""
        yield from (f"- {markdown_text(key)}: {markdown_text(value)}" for key, value in section.pairs)
    for table in section.tables:
        yield from _table(table)
    if section.repeat is not None:
        yield from ("", markdown_text(section.repeat.note), "", "```sh", section.repeat.command, "```")
        if section.repeat.file:
            yield from ("", f"`{section.repeat.file_name}`:", "", "```yaml", *section.repeat.file.splitlines(), "```")


def _said(one: Said) -> Iterator[str]:
    yield from ("", f"### {one.heading}", "")
    yield from (f"- {markdown_text(sentence)}" for sentence in one.sentences)


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"**{markdown_text(table.caption)}**", "")
    yield _row([markdown_text(column.heading) for column in table.columns])
    yield _row(["---:" if column.numeric else "---" for column in table.columns])
    yield from (_row([_cell(cell) for cell in row]) for row in table.rows)
    for note in table.notes:
        yield from ("", markdown_text(note))


def _cell(cell: Cell) -> str:
    badge = cell.badge.word if cell.badge else ""
    return ": ".join(markdown_text(part) for part in (badge, cell.text, cell.note) if part)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
