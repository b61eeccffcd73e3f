"""A data set, its labels, and what they are made from. Pure, but for reading a vocabulary."""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agent.datasets_line import Tokens

_NO_PAIR = 2**64 - 1
"""Stands for a length where there is no second text; no text is so long."""


class Scope(StrEnum):
    """What of the work is measured on it: the model alone, from ids; or everything, from texts. Labels stay here."""

    MODEL = "model"
    END_TO_END = "end_to_end"
    LABELS = "labels"


@dataclass(frozen=True)
class Example:
    """A text, or two that belong together (a question and its passage)."""

    text: str
    pair: str | None = None


@dataclass(frozen=True)
class Origin:
    """What a data set is called, under which licence it stands (SPDX), and where it is from."""

    name: str
    licence: str
    source: str


@dataclass(frozen=True)
class ArrayInfo:
    """An array of the file; its first dimension counts the examples, but for texts."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Labels:
    """The class of each example, as a place in `classes`; `rows` is that of the data set they belong to."""

    digest: str
    path: Path
    rows: str
    classes: tuple[str, ...]
    values: tuple[int, ...]


@dataclass(frozen=True)
class DataSet:
    """One file that is pushed. `digest` is the SHA-256 of its bytes.

    `rows` is the SHA-256 of its texts: both scopes and the labels of the same examples share it. `tokens` says how
    texts become ids, and names the vocabulary by hash; None where nothing is tokenised.
    """

    name: str
    digest: str
    path: Path
    size_bytes: int
    scope: Scope
    examples: int
    rows: str
    arrays: tuple[ArrayInfo, ...]
    tokens: Tokens | None
    licence: str
    source: str
    labels: Labels | None = None


@dataclass(frozen=True)
class Vocabulary:
    """A `vocab.txt`: its SHA-256, its tokens in the order of their ids, and whether texts are lower-cased for it."""

    digest: str
    tokens: tuple[str, ...] = field(repr=False)
    lower: bool = True


def rows_digest(rows: Iterable[Example]) -> str:
    """SHA-256 over the texts in order: of each its length in bytes (64 bits, little-endian) and its UTF-8.

    Where there is no second text the length is 2⁶⁴ - 1. `UnicodeEncodeError` for a text with half a surrogate pair.
    """
    digest = hashlib.sha256()
    for row in rows:
        for text in (row.text, row.pair):
            data = b"" if text is None else text.encode()
            digest.update(struct.pack("<Q", _NO_PAIR if text is None else len(data)) + data)
    return digest.hexdigest()
