"""From what the sources hold to rows in splits, with a count after each step. Pure.

1. Rows whose raters agreed too little go.
2. Cleaning (`cleaning.py`); what is empty after it goes.
3. Copies (one skeleton) become one row: the label with more confidence behind it; where two are level, all go.
4. Near copies (`likeness.py`) become one row: the most confident. What is left is alike to nothing else that is left,
   so no copy of a training text is in a test, nor in the out-of-domain test.
5. The split of a row is the hash of its text (`splitting.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.tweets.cleaning import clean, skeleton
from orchestrator.tweets.likeness import find_distinct
from orchestrator.tweets.rows import Rated, Row
from orchestrator.tweets.splitting import SHARES, split_of

LEAST_CONFIDENCE = 0.6

OUT_OF_DOMAIN = "out-of-domain"


@dataclass(frozen=True)
class Step:
    """How many rows were left after a step."""

    name: str
    rows: int


@dataclass(frozen=True)
class Corpus:
    """Rows by split, and how they came about. Rows of a split are in the order of their texts."""

    splits: dict[str, tuple[Row, ...]]
    steps: tuple[Step, ...]

    def labels(self) -> tuple[str, ...]:
        """The classes, in alphabetical order, which is the order of a model's outputs."""
        return tuple(sorted({row.label for rows in self.splits.values() for row in rows}))


def make_corpus(
    rated: Iterable[Rated], elsewhere: Iterable[Rated] = (), *, least_confidence: float = LEAST_CONFIDENCE
) -> Corpus:
    """Split `rated` into train, dev and test; `elsewhere`, where there is any, is the out-of-domain test."""
    own, others = list(rated), list(elsewhere)
    steps = [Step("read", len(own))]
    own = [one for one in own if one.confidence >= least_confidence]
    steps.append(Step(f"confidence at least {least_confidence:g}", len(own)))
    own = _cleaned(own)
    steps.append(Step("cleaned", len(own)))
    own = merge_copies(own)
    steps.append(Step("copies merged", len(own)))
    distant = merge_copies(_cleaned(others))
    everything = own + distant
    kept = find_distinct([skeleton(one.text) for one in everything])
    mine = [everything[number] for number in kept if number < len(own)]
    theirs = [everything[number] for number in kept if number >= len(own)]
    steps.append(Step("near copies left out", len(mine)))
    splits: dict[str, list[Rated]] = {name: [] for name, _share in SHARES}
    for one in mine:
        splits[split_of(one.text)].append(one)
    if others:
        splits[OUT_OF_DOMAIN] = theirs
        steps += [Step(f"{OUT_OF_DOMAIN}: read", len(others)), Step(f"{OUT_OF_DOMAIN}: kept", len(theirs))]
    return Corpus({name: _rows(found) for name, found in splits.items()}, tuple(steps))


def merge_copies(rated: Sequence[Rated]) -> list[Rated]:
    """One of each group of copies, the most confident first."""
    groups: dict[str, list[Rated]] = defaultdict(list)
    for one in rated:
        groups[skeleton(one.text)].append(one)
    merged = [winner for group in groups.values() if (winner := _winner(group)) is not None]
    return sorted(merged, key=_most_confident)


def _winner(group: Sequence[Rated]) -> Rated | None:
    votes: Counter[str] = Counter()
    for one in group:
        votes[one.label] += round(one.confidence * 10_000)  # whole numbers: a sum must not depend on its order
    (label, most), *rest = votes.most_common(2)
    if rest and rest[0][1] == most:
        return None
    return min((one for one in group if one.label == label), key=_most_confident)


def _most_confident(one: Rated) -> tuple[float, str]:
    return -one.confidence, one.text


def _cleaned(rated: Iterable[Rated]) -> list[Rated]:
    found = (Rated(clean(one.text), one.label, one.confidence) for one in rated)
    return [one for one in found if one.text]


def _rows(rated: Iterable[Rated]) -> tuple[Row, ...]:
    return tuple(Row(one.text, one.label) for one in sorted(rated, key=lambda one: one.text))
