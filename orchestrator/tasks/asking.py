"""What answers to questions are worth: from a start and an end logit a token to words of the passage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.datasets import QuestionKey
from orchestrator.metrics import best_spans
from orchestrator.metrics.agreement import agreement
from orchestrator.metrics.questions import score, versus
from orchestrator.tasks.worth import TOLERANCE, Questions, Same, Side, Versus, Worth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Logits = NDArray[np.float64]

THRESHOLD = 0.0
"""By how much the score of "no answer" must exceed that of the best span: the usual value of BERT's script for SQuAD
(`null_score_diff_threshold`). Another one would have to be found on other questions than those that are judged."""


@dataclass(frozen=True)
class Said:
    """A model's answer to each question: the characters of the passage from `start` to `end`; both -1 for "no answer",
    and where no token of the passage is left to point at."""

    spans: "NDArray[np.int64]"
    texts: tuple[str, ...]

    @property
    def declined(self) -> int:
        return int((self.spans[:, 0] < 0).sum())


class QuestionAnswering:
    """Logits of questions x (starts, ends) x tokens."""

    def worth(self, side: Side, classes: int) -> Worth:  # noqa: ARG002 - Kind's
        key = _key(side)
        if key is None:
            return Worth()
        said = read_spans(side.answers, key)
        scores = score(said.texts, key.answers)
        unanswerable = sum(not answers for answers in key.answers)
        counts = Questions(count_cut_off(key), unanswerable, said.declined)
        return Worth(exact_match=scores.exact, f1=scores.f1, questions=counts)

    def versus(self, mine: Side, teacher: Side, classes: int) -> Versus | None:  # noqa: ARG002 - Kind's
        key, theirs = _key(mine), _key(teacher)
        if key is None or theirs is None:
            return None
        ours = read_spans(mine.answers, key)
        found = versus(ours.texts, read_spans(teacher.answers, theirs).texts, key.answers)
        return Versus(found.exact, found.f1)

    def same(self, first: Side, second: Side) -> Same:
        """Alike where each question has the same span. Of the logits those count that an answer depends on: a model may
        give any number for the question, and for padding."""
        left, right = (_logits(side.answers) for side in (first, second))
        if left.shape != right.shape:
            raise ValueError(f"logits of the shapes {left.shape} and {right.shape}")
        key = _key(first)
        if key is None:
            counted, sides = None, [logits.argmax(axis=2) for logits in (left, right)]
        else:
            counted, sides = _readable(key), [read_spans(side.answers, key).spans for side in (first, second)]
        share = float((sides[0] == sides[1]).all(axis=1).mean())
        found = agreement(_counted(left, counted), _counted(right, counted), TOLERANCE)
        return Same(found.within and share == 1.0, share, found.share)


def read_spans(answers: "NDArray[np.generic]", key: QuestionKey, threshold: float = THRESHOLD) -> Said:
    """What logits say, as words of the passages. `ValueError` where they are not of these questions, or no numbers."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    logits = _logits(answers)
    if (len(logits), logits.shape[2]) != key.starts.shape:
        questions, tokens = key.starts.shape
        raise ValueError(f"{list(logits.shape)} logits for {questions} questions of {tokens} tokens")
    found = best_spans(logits[:, 0], logits[:, 1], key.ends > key.starts)
    declined = found.start < 0
    if key.may_decline:
        declined |= found.empty_score - found.score > threshold
    rows = np.arange(len(logits))
    spans = np.stack([key.starts[rows, found.start], key.ends[rows, found.end]], axis=1).astype(np.int64)
    spans[declined] = -1
    texts = ("" if start < 0 else text[start:end] for text, (start, end) in zip(key.passages, spans, strict=True))
    return Said(spans, tuple(texts))


def count_cut_off(key: QuestionKey) -> int:
    """Questions that this model cannot answer, because all their right answers stand behind the last token of the
    passage that it reads. What stands nowhere in the passage was not cut off."""
    ends = key.ends.max(axis=1).tolist()
    return sum(map(_is_cut_off, key.passages, key.answers, ends))


def _is_cut_off(passage: str, answers: Sequence[str], end: int) -> bool:
    places = [passage.find(answer) + len(answer) for answer in answers if answer in passage]
    return bool(places) and min(places) > end


def _key(side: Side) -> QuestionKey | None:
    return side.wanted if isinstance(side.wanted, QuestionKey) else None


def _logits(answers: "NDArray[np.generic]") -> "Logits":
    if answers.ndim != 3 or answers.shape[1] != 2:
        raise ValueError(f"logits of the shape {answers.shape}, not questions x 2 x tokens")
    return answers.astype("float64")


def _readable(key: QuestionKey) -> "NDArray[np.bool_]":
    """The passage, and the first token, which stands for "no answer"."""
    marks = key.ends > key.starts
    marks[:, 0] = True
    return marks


def _counted(logits: "Logits", marks: "NDArray[np.bool_] | None") -> Any:
    """A row a question. What does not count becomes a number that is there anyway, so that it adds no spread."""
    import numpy as np

    kept = logits if marks is None else np.where(marks[:, None, :], logits, logits[:, :, :1])
    return kept.reshape(len(kept), -1)
