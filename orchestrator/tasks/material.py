"""What a data set gives to work on: the examples that were chosen, and what is right. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.assignment import CLASSIFICATION, OUTPUTS, QUESTION_ANSWERING, TaskChoice
from orchestrator.datasets import Example
from orchestrator.datasets.questions import WITHOUT, Question
from orchestrator.errors import UsageError
from orchestrator.tweets.card import QUESTIONS, Card
from orchestrator.tweets.rows import Row

_Chosen = TypeVar("_Chosen")


@dataclass(frozen=True)
class Material:
    """Of `examples`, either the `labels` (places in `classes`), or the right `answers`; neither where nothing is right
    or wrong. `may_decline`: among all questions of the data set are some without an answer."""

    kind: str
    examples: tuple[Example, ...]
    classes: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    answers: tuple[tuple[str, ...], ...] = ()
    may_decline: bool = False


def kind_of(choice: TaskChoice, card: Card) -> str:
    """What is to be done with this data set. `UsageError` for work that it is not for."""
    asks = card.holds == QUESTIONS
    if not choice.kind:
        return QUESTION_ANSWERING if asks else CLASSIFICATION
    if choice.kind == QUESTION_ANSWERING and not asks:
        raise UsageError(
            f"{card.name} holds labelled texts, and {QUESTION_ANSWERING} needs questions on passages",
            "add some: dynofarm data add FILE.json",
        )
    if asks and choice.kind not in (QUESTION_ANSWERING, OUTPUTS):
        raise UsageError(
            f"{card.name} holds questions on passages, which are nothing for {choice.kind}",
            f"leave the kind out, or say {QUESTION_ANSWERING} or {OUTPUTS}",
        )
    return choice.kind


def of_texts(kind: str, rows: Sequence[Row], classes: tuple[str, ...], examples: int) -> Material:
    """Labelled texts; `classes` are those of the data set."""
    chosen = choose(rows, examples, lambda row: row.text)
    found = tuple(Example(row.text) for row in chosen)
    if kind != CLASSIFICATION:
        return Material(kind, found)
    return Material(kind, found, classes, tuple(classes.index(row.label) for row in chosen))


def of_questions(kind: str, questions: Sequence[Question], examples: int) -> Material:
    """Questions, each with its passage behind it, as BERT was trained to read them."""
    chosen = choose(questions, examples, lambda one: f"{one.text}\n{one.passage}")
    found = tuple(Example(one.text, one.passage) for one in chosen)
    if kind != QUESTION_ANSWERING:
        return Material(kind, found)
    may_decline = any(one.kind == WITHOUT for one in questions)
    return Material(kind, found, answers=tuple(one.answers for one in chosen), may_decline=may_decline)


def choose(rows: Sequence[_Chosen], examples: int, text: Callable[[_Chosen], str]) -> list[_Chosen]:
    """So many of the rows, drawn by the hashes of their texts: the same ones each time, and more of them hold the
    fewer. 0 is all."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(text(row).encode("utf-8", "replace")).digest())
    return ordered[:examples] if examples else ordered
