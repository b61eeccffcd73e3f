"""A user's own CSV table of texts and labels."""

import csv
import hashlib
import io
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.tweets.rows import Rated

MAX_BYTES = 10**9
MAX_CLASSES = 100
"""More labels than this are a column of numbers or names that was taken for one of classes."""


def read_table(path: Path, text: str, label: str) -> tuple[list[Rated], str]:
    """The rows of a CSV file (a `.tsv` file: by tabs) with a line of headings, and the SHA-256 of the file.

    Rows without a text or a label are left out. `UsageError` with the line of whatever is wrong.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES / 1e9:.0f} GB", "add a part of it")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", "name a CSV file") from None
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: not UTF-8", "save the table as UTF-8") from None
    rated = _read(path, content, text, label)
    classes = {one.label for one in rated}
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise UsageError(
            f"{path}: the column {label} holds {len(classes)} different labels", f"2 to {MAX_CLASSES} make classes"
        )
    return rated, hashlib.sha256(data).hexdigest()


def _read(path: Path, content: str, text: str, label: str) -> list[Rated]:
    table = csv.reader(io.StringIO(content, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",")
    try:
        headings = next(table, [])
        places = [_column(path, headings, name) for name in (text, label)]
        rated = []
        for row in table:
            if not row:
                continue
            if len(row) != len(headings):
                raise UsageError(
                    f"{path}:{table.line_num}: {len(row)} columns, and the headings are {len(headings)}",
                    "quote texts that hold a comma or a line's end",
                )
            found_text, found_label = (row[place].strip() for place in places)
            if found_text and found_label:
                rated.append(Rated(found_text, found_label))
    except csv.Error as error:
        raise UsageError(f"{path}:{table.line_num}: {error}", "the file is not a CSV table") from None
    return rated


def _column(path: Path, headings: list[str], name: str) -> int:
    if headings.count(name) != 1:
        how_often = "no column" if name not in headings else "more than one column"
        raise UsageError(f"{path}: there is {how_often} {name}", f"its columns are: {', '.join(headings) or 'none'}")
    return headings.index(name)
