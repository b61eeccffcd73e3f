"""What answers to questions are judged by: passages, right answers, and where the tokens of a model stand.

It stays here, as labels do. With it in the database, answers can be judged again when data set and vocabulary are gone.
"""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.datasets import DataSetFault
from orchestrator.datasets.checking import damaged, integers, opened
from orchestrator.datasets.data_set import Example, Origin, Scope, Vocabulary
from orchestrator.datasets.making import checked, integer_bytes, put_file, text_columns, tokens_of, unfit
from orchestrator.datasets.places import Locator
from orchestrator.datasets.writing import Column
from orchestrator.model_files.digest import digest_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int32]

PASSAGES, STARTS, ENDS, MAY_DECLINE = "pair", "starts", "ends", "may_decline"


@dataclass(frozen=True, eq=False)
class QuestionKey:
    """`answers` to each question are all that are right, none where its passage does not tell.

    `starts` and `ends` (int32, examples x tokens of the model) are the characters of the passage that each token stands
    for; both 0 for a token that is none of the passage. `may_decline`: whether "no answer" is among what a model may
    say, which it is where the data set has questions without one.
    """

    digest: str
    rows: str
    passages: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]
    starts: "Integers"
    ends: "Integers"
    may_decline: bool


def write_question_key(
    path: Path,
    origin: Origin,
    rows: Sequence[Example],
    answers: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    length: int,
    *,
    may_decline: bool,
) -> str:
    """Write it for models that read `length` tokens of this vocabulary; its SHA-256. `rows` are questions with their
    passages. `UsageError`."""
    if len(answers) != len(rows):
        raise unfit(origin, f"answers to {len(answers)} questions for {len(rows)} examples")
    passages = [row.pair or "" for row in checked(rows)]
    lists = [json.dumps(list(one), ensure_ascii=True, separators=(",", ":")) for one in answers]
    starts, ends = (array("i", bytes(4 * length * len(rows))) for _ in range(2))
    locator = Locator(vocabulary)
    # Questions about one passage one behind the other: to find its tokens takes longer than all else.
    for row in sorted(range(len(rows)), key=passages.__getitem__):
        for at, piece in enumerate(locator.passage(rows[row].text, passages[row], length)):
            if piece is not None:
                starts[row * length + at], ends[row * length + at] = piece.start, piece.end
    shape = (len(rows), length)
    declining = array("i", [int(may_decline)] * len(rows))
    columns = [
        *text_columns(PASSAGES, passages),
        *text_columns("answers", lists),
        Column(STARTS, "int32", shape, integer_bytes(starts)),
        Column(ENDS, "int32", shape, integer_bytes(ends)),
        Column(MAY_DECLINE, "int32", shape[:1], integer_bytes(declining)),
    ]
    put_file(path, origin, Scope.LABELS, rows, columns, tokens_of(vocabulary, length))
    return digest_file(path).digest


def read_question_key(path: Path) -> QuestionKey:
    """The key again; every byte of the file is checked. `UsageError`."""
    with opened(path) as file:
        file.check()
        told = file.description
        if told.scope != Scope.LABELS or told.tokens is None or not file.has(PASSAGES) or not file.has("answers"):
            raise damaged(path, "holds no passages with right answers")
        examples, shape = range(told.examples), (told.examples, told.tokens.length)
        passages = tuple(file.text(PASSAGES, index) for index in examples)
        starts, ends = integers(file, STARTS, 0, shape), integers(file, ENDS, 0, shape)
        sizes = [[len(passage)] for passage in passages]
        if (starts < 0).any() or (ends < starts).any() or (ends > sizes).any():
            raise DataSetFault("", "has a token that stands outside its passage")
        return QuestionKey(
            digest=digest_file(path).digest,
            rows=told.rows,
            passages=passages,
            answers=tuple(_right_answers(path, file.text("answers", index), index) for index in examples),
            starts=starts,
            ends=ends,
            may_decline=bool(integers(file, MAY_DECLINE, 0, shape[:1]).any()),
        )


def _right_answers(path: Path, text: str, index: int) -> tuple[str, ...]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise damaged(path, f"has answers to example {index} that are no list of texts")
    return tuple(found)
