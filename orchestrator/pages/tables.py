"""A table ready for a page. The first cell of a row is its heading. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.pages.badges import Badge

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Column:
    """`numeric` ones stand at the right edge; `wide` ones hold sentences, and are given room."""

    heading: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Cell:
    """`text`, perhaps with a badge before it, a link, and a `note` in small below it.

    `heat` is the step of a heat map, 0 … 4, None for no colour; `missing` draws what has no figure.
    """

    text: str = ""
    badge: Badge | None = None
    href: str = ""
    note: str = ""
    heat: int | None = None
    missing: bool = False


@dataclass(frozen=True)
class Table:
    """`rows` have a cell for each column. `notes` stand below, a sentence each."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())


def make_table(
    caption: str,
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell | Badge | str]],
    notes: Sequence[str] = (),
) -> Table:
    """Texts and badges become cells, headings columns."""
    return Table(
        caption,
        tuple(Column(one) if isinstance(one, str) else one for one in columns),
        tuple(tuple(_cell(one) for one in row) for row in rows),
        tuple(notes),
    )


def _cell(value: Cell | Badge | str) -> Cell:
    if isinstance(value, Badge):
        return Cell(badge=value)
    return Cell(value) if isinstance(value, str) else value
