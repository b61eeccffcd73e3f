"""How a user's file of questions comes to the shelf: as it is, nothing cleaned and nothing split."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from orchestrator.datasets.questions import KINDS, WITHOUT, Question, encode_questions
from orchestrator.datasets.squad import read_squad
from orchestrator.errors import UsageError
from orchestrator.tweets.card import QUESTIONS, Card, Source, SplitCard
from orchestrator.tweets.making import TWEETS
from orchestrator.tweets.shelf import DataShelf

SPLIT = "test"
"""All of a file: a model that answers questions is trained elsewhere."""
RULES = "dynofarm question rules 1"


def add_questions(cache_dir: Path, name: str, path: Path, licence: str | None) -> Card:
    """Keep the questions of a file in SQuAD's JSON as the data set `name`. `UsageError`, `DiskFull`."""
    if name == TWEETS:
        raise UsageError(f"{TWEETS} is the name of what `data fetch {TWEETS}` brings", "choose another: --name NAME")
    questions, digest = read_squad(path)
    data, counts = encode_questions(questions), Counter(one.kind for one in questions)
    split = SplitCard(hashlib.sha256(data).hexdigest(), len(questions), {kind: counts[kind] for kind in KINDS})
    steps = _counted(questions)
    card = Card(name, KINDS, {SPLIT: split}, (Source(path.name, digest, licence),), steps, RULES, QUESTIONS)
    DataShelf(cache_dir).put_files(card, {SPLIT: data})
    return card


def _counted(questions: Sequence[Question]) -> tuple[tuple[str, int], ...]:
    """What is good to know of a file before anything is measured on it. A right answer that is no part of its passage
    can be given by no model that points at tokens."""
    passages = {one.passage for one in questions}
    elsewhere = sum(bool(one.answers) and not any(text in one.passage for text in one.answers) for one in questions)
    return (
        ("questions", len(questions)),
        ("passages", len(passages)),
        ("questions without an answer", sum(one.kind == WITHOUT for one in questions)),
        ("questions whose answers stand nowhere in their passage", elsewhere),
    )
