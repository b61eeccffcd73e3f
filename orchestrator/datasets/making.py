"""Making data sets out of texts and labels: one file for each scope, and one for what stays here."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.datasets_line import Description, Tokens
from agent.wordpiece import Tokenizer, read_vocabulary
from orchestrator.datasets.checking import read_data_set, read_labels
from orchestrator.datasets.data_set import DataSet, Example, Labels, Origin, Scope, Vocabulary, rows_digest
from orchestrator.datasets.writing import Column, placed, write_file
from orchestrator.errors import UsageError
from orchestrator.model_files.digest import digest_file
from orchestrator.yaml.document import shown_path

LONGEST = 65_536
"""Tokens of an example. Chosen: far beyond what runs on a board, and small enough that a slip of a digit is told."""


def open_vocabulary(path: Path, *, lower: bool = True) -> Vocabulary:
    """Read a `vocab.txt`. `UsageError` where it cannot be read or is no vocabulary of BERT's kind."""
    try:
        tokens = read_vocabulary(str(path))
        Tokenizer(tokens, lower)
        return Vocabulary(digest_file(path).digest, tuple(tokens), lower)
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except ValueError as error:
        reason = str(error)
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
    raise UsageError(f"{shown_path(path)}: {reason}", "give the vocab.txt of the model, one token a line")


def write_tokens(path: Path, origin: Origin, rows: Sequence[Example], vocabulary: Vocabulary, length: int) -> DataSet:
    """Scope `model`: every example as ids, mask and type ids (int32, examples × `length`), cut and padded.

    `UsageError`: no rows, a text that is not Unicode, a length that leaves no room, a file that cannot be written.
    """
    tokens = tokens_of(vocabulary, length)
    tokenizer = Tokenizer(vocabulary.tokens, vocabulary.lower)
    columns: tuple[array[int], ...] = (array("i"), array("i"), array("i"))
    for row in checked(rows):
        for column, numbers in zip(columns, tokenizer.encode(row.text, row.pair, length), strict=True):
            column.extend(numbers)
    shape = (len(rows), length)
    names = ("input_ids", "attention_mask", "token_type_ids")
    written = [Column(name, "int32", shape, integer_bytes(column)) for name, column in zip(names, columns, strict=True)]
    return _write(path, origin, Scope.MODEL, rows, written, tokens)


def write_texts(
    path: Path, origin: Origin, rows: Sequence[Example], vocabulary: Vocabulary | None, length: int
) -> DataSet:
    """Scope `end_to_end`: the texts themselves; the vocabulary (`vocab.txt`) is pushed beside, under its own hash.

    `UsageError` as `write_tokens`. Without a vocabulary the file says nothing of tokens, and `length` does not count.
    """
    tokens = None if vocabulary is None else tokens_of(vocabulary, length)
    written = text_columns("text", [row.text for row in checked(rows)])
    pairs = [row.pair for row in rows if row.pair is not None]
    if pairs:
        written += text_columns("pair", pairs)
    return _write(path, origin, Scope.END_TO_END, rows, written, tokens)


def write_labels(
    path: Path, origin: Origin, rows: Sequence[Example], classes: Sequence[str], values: Sequence[int]
) -> Labels:
    """The class of each example, as a place in `classes`. `UsageError` where they do not fit."""
    if len(values) != len(rows):
        raise unfit(origin, f"{len(values)} labels for {len(rows)} examples")
    if len(set(classes)) != len(classes) or not classes:
        raise unfit(origin, "its classes need names, and each its own")
    for number, value in enumerate(values):
        if not 0 <= value < len(classes):
            raise unfit(origin, f"example {number} has the label {value}, and there are {len(classes)} classes")
    column = Column("label", "int32", (len(rows),), integer_bytes(array("i", values)))
    put_file(path, origin, Scope.LABELS, checked(rows), [column], None, classes)
    return read_labels(path)


def _write(
    path: Path,
    origin: Origin,
    scope: Scope,
    rows: Sequence[Example],
    columns: list[Column],
    tokens: Tokens | None,
) -> DataSet:
    put_file(path, origin, scope, rows, columns, tokens)
    return read_data_set(path)


def put_file(
    path: Path,
    origin: Origin,
    scope: Scope,
    rows: Sequence[Example],
    columns: list[Column],
    tokens: Tokens | None,
    classes: Iterable[str] = (),
) -> None:
    """Write a data set of these columns. `DiskFull`, `UsageError`."""
    description = Description(
        name=origin.name,
        scope=scope.value,
        examples=len(rows),
        rows=rows_digest(rows),
        licence=origin.licence,
        source=origin.source,
        classes=list(classes),
        tokens=tokens,
        arrays=placed(columns),
    )
    write_file(path, description, columns)


def checked(rows: Sequence[Example]) -> Sequence[Example]:
    """The rows themselves. `UsageError` where there are none, some have a second text, or one is not Unicode."""
    if not rows:
        raise UsageError("a data set needs at least one example", "look at what the rows are read from")
    if len({row.pair is None for row in rows}) > 1:
        odd = next(number for number, row in enumerate(rows) if (row.pair is None) != (rows[0].pair is None))
        raise UsageError(
            f"example {odd} has {'no' if rows[odd].pair is None else 'a'} second text, unlike the first example",
            "give every example a second text, or none",
        )
    for number, row in enumerate(rows):
        try:
            f"{row.text}{row.pair or ''}".encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the text of example {number} holds half a surrogate pair, which is no character",
                "read its file as UTF-8 with errors='replace', or leave that row out",
            ) from None
    return rows


def tokens_of(vocabulary: Vocabulary, length: int) -> Tokens:
    """What a file says of how texts become ids. `UsageError` for a length that makes no sense."""
    if not 3 <= length <= LONGEST:
        raise UsageError(f"a length of {length} tokens makes no sense", f"give 3 to {LONGEST}, usually 32 to 512")
    return Tokens(length, vocabulary.lower, vocabulary.digest, len(vocabulary.tokens))


def text_columns(name: str, texts: Sequence[str]) -> list[Column]:
    """The UTF-8 of all, and where each begins; where the last one ends stands behind them."""
    parts = [text.encode() for text in texts]
    offsets = array("q", [0])
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    data = b"".join(parts)
    return [
        Column(f"{name}_offsets", "int64", (len(offsets),), integer_bytes(offsets)),
        Column(name, "uint8", (len(data),), data),
    ]


def integer_bytes(numbers: "array[int]") -> bytes:
    """Little-endian, whatever this machine is."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def unfit(origin: Origin, words: str) -> UsageError:
    """What does not belong to the examples."""
    return UsageError(f"data set {origin.name!r}: {words}", "look at the file that the labels are read from")
