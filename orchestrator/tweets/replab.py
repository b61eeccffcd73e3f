"""RepLab 2013: polarity for reputation, of 142,527 tweets about 61 entities. Its files hold no texts; bring your own.

The organisers (E. Amigó and others, CLEF 2013) give out tweet ids and labels; what a tweet said must have been asked
of the service while it stood. A folder of the data set, `training` or `test`, holds tables by tabs with a line of
headings, one a file for an entity, such as `RL2013D01E001.dat`:

    labeled/*.dat       tweet_id, filtering (RELATED or UNRELATED), polarity (POSITIVE, NEUTRAL or NEGATIVE), …
    tweet_info/*.dat    tweet_id, author, entity_id, language (EN or ES), is_near_duplicate_of, …
    tweet_text/*.dat    tweet_id, text              (yours, in the same form)

Files may be gzipped by whoever passed them on; unpack them first. Order and number of further columns do not matter.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.tweets.rows import CLASSES, Rated


def read_replab(folder: Path, language: str = "EN") -> tuple[list[Rated], str]:
    """The related tweets of one language whose text is there, and a SHA-256 of them.

    `UsageError` names the file and line that is wrong.

    A tweet that was labelled for two entities counts once for each; copies are merged later.
    """
    languages = {row["tweet_id"]: row["language"] for row in _rows(folder / "tweet_info", ("tweet_id", "language"))}
    texts = {row["tweet_id"]: row["text"] for row in _rows(folder / "tweet_text", ("tweet_id", "text"))}
    rated = []
    for row in _rows(folder / "labeled", ("tweet_id", "filtering", "polarity")):
        tweet = row["tweet_id"]
        label = row["polarity"].lower()
        if row["filtering"].upper() != "RELATED" or languages.get(tweet) != language or tweet not in texts:
            continue
        if label in CLASSES:
            rated.append(Rated(texts[tweet], label))
    if not rated:
        raise UsageError(
            f"{folder}: no related tweet in {language} has both a label and a text", "put the texts into tweet_text/"
        )
    content = "\n".join(sorted(f"{one.label}\t{one.text}" for one in rated))
    return rated, hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _rows(folder: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    files = sorted(folder.glob("*.dat")) or sorted(folder.glob("*.tsv"))
    if not files:
        raise UsageError(
            f"{folder}: there are no .dat files here", "name the folder `training` or `test` of RepLab 2013"
        )
    for file in files:
        yield from _table(file, columns)


def _table(file: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}", "check its permissions") from None
    table = csv.reader(io.StringIO(_decode(data), newline=""), delimiter="\t")
    try:
        headings = [heading.strip() for heading in next(table, [])]
        missing = [name for name in columns if name not in headings]
        if missing:
            raise UsageError(f"{file}: there is no column {missing[0]}", f"its columns are: {', '.join(headings)}")
        places = {name: headings.index(name) for name in columns}
        for row in table:
            if len(row) > max(places.values()):
                yield {name: row[place].strip() for name, place in places.items()}
            elif row:
                raise UsageError(f"{file}:{table.line_num}: a line with {len(row)} columns", "the file is cut short")
    except csv.Error as error:
        raise UsageError(f"{file}:{table.line_num}: {error}", "it is not a table by tabs") from None


def _decode(data: bytes) -> str:
    """UTF-8 where it is, else Latin-1, which those who used these files took them for."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
