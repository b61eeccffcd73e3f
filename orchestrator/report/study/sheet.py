"""A table ready to be written in any format: texts for people, values for programs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SheetColumn:
    """`rank`: where a terminal has no room, the highest goes first; those of rank 0 stay."""

    key: str
    heading: str
    numeric: bool = True
    rank: int = 0


@dataclass(frozen=True)
class Claimed:
    """A claim, `holds`, `fails` or `undecided`, and why."""

    claim: str
    outcome: str
    because: str


@dataclass(frozen=True)
class Sheet:
    """`rows` have a text for each column, `values` plain values under names of their own; one for each row.

    `notes` stand below the table, a sentence each. `claims` is None where the study makes none.
    """

    title: str
    columns: tuple[SheetColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    claims: tuple[Claimed, ...] = field(default=())
