"""Answers as numbers again."""

from typing import TYPE_CHECKING

from agent.protocol import Answers
from agent.tasks.packing import unpack
from orchestrator.assignment import CLASSIFICATION, GENERATION, NEXT_TOKEN, QUESTION_ANSWERING, Assignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BadAnswers(Exception):
    """Answers that are not what they say; the message is the end of a sentence about them."""


def read_answers(answers: Answers, task: Assignment | None = None) -> "NDArray[np.generic]":
    """The array of `shape`, examples first. `BadAnswers` for what is damaged, too large, of another hash, or no answer
    to this task."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    try:
        data = unpack(answers)
    except ValueError as error:
        raise BadAnswers(str(error)) from None
    if task is not None and not _fits(answers, task):
        raise BadAnswers(f"are {answers.kind} of the shape {answers.shape}, which is no answer to {task.label}")
    return np.frombuffer(data, np.dtype(answers.dtype).newbyteorder("<")).reshape(answers.shape)


def _fits(answers: Answers, task: Assignment) -> bool:
    if task.kind == QUESTION_ANSWERING:  # how many tokens, the key says
        return answers.kind == task.kind and len(answers.shape) == 3 and answers.shape[:2] == [task.examples, 2]
    widths = {CLASSIFICATION: len(task.classes), NEXT_TOKEN: 2, GENERATION: task.new_tokens}
    width = widths.get(task.kind, answers.shape[-1])
    return answers.kind == task.kind and answers.shape == [task.examples, width]
