"""The card of a data set: what it holds, where it comes from, under which licence, and what was done to it. Pure."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.tweets.rows import BadSource, Row

FORMAT = "dynofarm-texts"
VERSION = 1

TEXTS, QUESTIONS = HOLDS = ("texts", "questions")
"""What a data set holds: labelled texts, or questions on passages (docs/how-to-judge-answers.md)."""


@dataclass(frozen=True)
class SplitCard:
    """One file of rows: its hash, and how many rows of each class it holds."""

    digest: str
    rows: int
    classes: dict[str, int]


@dataclass(frozen=True)
class Source:
    """Where rows come from: a package with its version and hash, or a user's file with its hash."""

    name: str
    digest: str
    licence: str | None = None


@dataclass(frozen=True)
class Card:
    """`labels` in the order of a model's outputs; `steps` are names of steps with the rows left after each.

    Questions are counted by two labels, with an answer and without; their steps are counts that are good to know.
    """

    name: str
    labels: tuple[str, ...]
    splits: dict[str, SplitCard]
    sources: tuple[Source, ...]
    steps: tuple[tuple[str, int], ...]
    rules: str
    holds: str = TEXTS

    @property
    def digest(self) -> str:
        """Names the content: rows, labels and splits, not how they came about."""
        content = {"labels": self.labels, "splits": {name: one.digest for name, one in self.splits.items()}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def licence(self) -> str:
        """The licences of all sources."""
        return ", ".join(sorted({source.licence or "not said" for source in self.sources}))


def encode_rows(rows: Sequence[Row]) -> bytes:
    """One JSON object a line, UTF-8: `{"label": …, "text": …}`. Equal rows give equal bytes."""
    lines = (json.dumps({"label": row.label, "text": row.text}, ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode("utf-8")


def decode_rows(data: bytes) -> list[Row]:
    """The rows again. `BadSource` names the line."""
    rows = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if not line:
            continue
        try:
            said = json.loads(line)
            row = Row(said["text"], said["label"])
        except (ValueError, KeyError, TypeError):
            raise BadSource(f"line {number} is not a label and a text in JSON") from None
        if not isinstance(row.text, str) or not isinstance(row.label, str):
            raise BadSource(f"line {number} holds something that is not text")
        rows.append(row)
    return rows


def make_card(
    name: str,
    splits: Mapping[str, Sequence[Row]],
    sources: Sequence[Source],
    steps: Sequence[tuple[str, int]],
    rules: str,
) -> Card:
    """The card of these rows."""
    labels = tuple(sorted({row.label for rows in splits.values() for row in rows}))
    cards = {split: _split_card(rows, labels) for split, rows in splits.items()}
    return Card(name, labels, cards, tuple(sources), tuple(steps), rules)


def card_text(card: Card) -> str:
    """The card as a JSON file."""
    said = {"format": FORMAT, "version": VERSION, "digest": card.digest, **asdict(card)}
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def parse_card(text: str) -> Card:
    """`BadSource` where it is not a card, or of another version."""
    try:
        said: dict[str, Any] = json.loads(text)
        if (said["format"], said["version"]) != (FORMAT, VERSION):
            raise BadSource("it is not a card that this version of dynofarm reads")
        card = Card(
            name=str(said["name"]),
            labels=tuple(map(str, said["labels"])),
            splits={
                str(name): SplitCard(
                    str(one["digest"]), int(one["rows"]), {str(label): int(n) for label, n in one["classes"].items()}
                )
                for name, one in said["splits"].items()
            },
            sources=tuple(Source(str(one["name"]), str(one["digest"]), one["licence"]) for one in said["sources"]),
            steps=tuple((str(step), int(rows)) for step, rows in said["steps"]),
            rules=str(said["rules"]),
            holds=str(said.get("holds", TEXTS)),  # cards were written before there were questions
        )
        told = said["digest"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSource(f"it is not a card of a data set ({type(error).__name__})") from None
    if card.holds not in HOLDS:
        raise BadSource(f"it holds {card.holds[:40]!r}, which this version of dynofarm does not know")
    if told != card.digest:
        raise BadSource("its hash is not that of its contents")
    return card


def _split_card(rows: Sequence[Row], labels: Sequence[str]) -> SplitCard:
    counts = Counter(row.label for row in rows)
    digest = hashlib.sha256(encode_rows(rows)).hexdigest()
    return SplitCard(digest, len(rows), {label: counts[label] for label in labels})
