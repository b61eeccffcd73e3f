"""A question about a passage, and a file of them: a line of JSON for each passage. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

WITH_AN_ANSWER, WITHOUT = KINDS = ("with an answer", "without")
"""What questions are counted by, in the card of their data set."""


@dataclass(frozen=True)
class Question:
    """`answers` are all that are right, each a stretch of the passage; none where the passage does not tell."""

    name: str
    text: str
    passage: str
    answers: tuple[str, ...]

    @property
    def kind(self) -> str:
        return WITH_AN_ANSWER if self.answers else WITHOUT


class BadQuestions(Exception):
    """A file that does not hold what it should; the message is the end of a sentence about it."""


def encode_questions(questions: Sequence[Question]) -> bytes:
    """Neighbours with one passage share a line. Equal questions give equal bytes."""
    lines = []
    for passage, group in groupby(questions, key=lambda one: one.passage):
        asked = [{"id": one.name, "question": one.text, "answers": list(one.answers)} for one in group]
        lines.append(json.dumps({"passage": passage, "questions": asked}, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def decode_questions(data: bytes) -> list[Question]:
    """The questions again. `BadQuestions` names the line."""
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if line:
            try:
                found += _decode(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise BadQuestions(f"line {number} is no passage with its questions in JSON") from None
    return found


def _decode(said: Any) -> list[Question]:
    found = [Question(one["id"], one["question"], said["passage"], tuple(one["answers"])) for one in said["questions"]]
    for question in found:
        texts = (question.name, question.text, question.passage, *question.answers)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
    return found
