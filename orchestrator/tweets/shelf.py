"""Data sets on disk: one folder each, `card.json` and a file of rows for each split.

A folder appears under its name when all of it is written, so a data set is there whole or not at all; every file is
checked against the card's hashes when it is read.
"""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.datasets.questions import BadQuestions, Question, decode_questions
from orchestrator.errors import DiskFull, DynofarmError, UnknownName, UsageError
from orchestrator.tweets.card import QUESTIONS, TEXTS, Card, card_text, decode_rows, encode_rows, parse_card
from orchestrator.tweets.rows import BadSource, Row

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class DataShelf:
    """The data sets of a user, in the farm's cache."""

    def __init__(self, cache_dir: Path) -> None:
        self._folder = cache_dir / "data"

    def folder(self, name: str) -> Path:
        """Where a data set lies or would lie. `UsageError` for a name that makes no folder."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name[:80]!r} cannot be the name of a data set", "use small letters, digits, dots and hyphens"
            )
        return self._folder / name

    def names(self) -> list[str]:
        """The data sets that are here."""
        return sorted(
            path.parent.name for path in self._folder.glob("*/card.json") if _NAME.fullmatch(path.parent.name)
        )

    def put(self, card: Card, splits: Mapping[str, Sequence[Row]]) -> None:
        """Keep a data set of texts; one of the same name is replaced. `DiskFull`, `UsageError`."""
        self.put_files(card, {name: encode_rows(rows) for name, rows in splits.items()})

    def put_files(self, card: Card, splits: Mapping[str, bytes]) -> None:
        """The same with the bytes of each split, which are those that the card was made from."""
        place = self.folder(card.name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
            try:
                for name, data in splits.items():
                    _write(scratch / f"{name}.jsonl", data)
                _write(scratch / "card.json", card_text(card).encode())
                scratch.chmod(0o755)
                _swap(scratch, place)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(
                    f"no room left for the data set {card.name} in {self._folder}", "free some room"
                ) from None
            raise UsageError(
                f"{place}: cannot be written: {error.strerror}", "check the folder and its permissions"
            ) from None

    def card(self, name: str) -> Card:
        """`UnknownName`, and `DynofarmError` where it is damaged."""
        path = self.folder(name) / "card.json"
        try:
            return parse_card(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise self._unknown(name) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(path, str(error)) from None
        except BadSource as fault:
            raise _damaged(path, str(fault)) from None

    def rows(self, card: Card, split: str) -> list[Row]:
        """The rows of a split, checked against the card. `UnknownName`, `DynofarmError` where they are damaged,
        `UsageError` for a data set of questions."""
        if card.holds != TEXTS:
            raise UsageError(
                f"{card.name} holds questions on passages, no labelled texts", "it is for: task: question_answering"
            )
        path, data = self._split(card, split)
        try:
            return decode_rows(data)
        except BadSource as fault:
            raise _damaged(path, str(fault)) from None

    def questions(self, card: Card, split: str) -> list[Question]:
        """The same of a data set of questions."""
        if card.holds != QUESTIONS:
            raise UsageError(
                f"{card.name} holds labelled texts, no questions on passages",
                "add questions as SQuAD has them: dynofarm data add FILE.json",
            )
        path, data = self._split(card, split)
        try:
            return decode_questions(data)
        except BadQuestions as fault:
            raise _damaged(path, str(fault)) from None

    def _split(self, card: Card, split: str) -> tuple[Path, bytes]:
        if split not in card.splits:
            raise UnknownName(f"{card.name} has no split {split}", f"it has {', '.join(card.splits)}")
        path = self.folder(card.name) / f"{split}.jsonl"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from None
        if hashlib.sha256(data).hexdigest() != card.splits[split].digest:
            raise _damaged(path, "its hash is not the one in the card")
        return path, data

    def _unknown(self, name: str) -> UnknownName:
        known = self.names()
        there = f"there are: {', '.join(known)}" if known else "there is none yet"
        verb = "dynofarm data fetch tweets" if name == "tweets" else "dynofarm data add FILE.csv --text … --label …"
        return UnknownName(f"there is no data set {name} here; {there}", verb)


def _damaged(path: Path, reason: str) -> DynofarmError:
    return DynofarmError(f"{path} is damaged: {reason}", "fetch or add the data set again")


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(made: Path, place: Path) -> None:
    # A folder cannot be renamed over one that holds files: the old one steps aside first.
    if place.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=place.parent))
        place.rename(aside / "data")
        made.rename(place)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        made.rename(place)
