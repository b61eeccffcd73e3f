"""Whether a model can do the work, as far as its file tells. Pure."""

import math
from collections.abc import Sequence

from agent.tasks.packing import MOST_BYTES
from orchestrator.assignment import CLASSIFICATION, GENERATION, QUESTION_ANSWERING, TaskChoice
from orchestrator.models import Model
from orchestrator.tasks.material import Material


def objection_to(model: Model, choice: TaskChoice, material: Material) -> str | None:
    """Why a model cannot do this work; None where nothing speaks against it."""
    shapes = {tuple(one.shape) for one in model.inputs}
    whole = all(one.dtype in ("int32", "int64") for one in model.inputs)
    if not whole or len(shapes) != 1 or not 1 <= len(model.inputs) <= 3:
        return "it reads no tokens: ids, mask and types of 1 x length, whole numbers, are wanted"
    (shape,) = shapes
    if len(shape) != 2 or shape[0] != 1 or shape[1] < 3:
        return f"its inputs have the shape {shape}: 1 x length is wanted, with a length that the file fixes"
    if material.kind == CLASSIFICATION:
        return _of_classes(choice.data, len(material.classes), model)
    if material.kind == QUESTION_ANSWERING:
        return _of_spans(len(material.examples), shape[1], model)
    if material.kind == GENERATION and choice.new_tokens >= shape[1]:
        return f"it reads {shape[1]} tokens, and {choice.new_tokens} new ones are asked for"
    return None


def _of_classes(data: str, classes: int, model: Model) -> str | None:
    sizes = [_elements(one.shape) for one in model.outputs]
    if sizes and min(sizes) >= 0 and classes not in sizes:
        return f"it gives {' and '.join(map(str, sizes))} numbers, and {data} has {classes} classes"
    return None


def _of_spans(questions: int, length: int, model: Model) -> str | None:
    shapes = [tuple(one.shape) for one in model.outputs]
    known = shapes and min(map(_elements, shapes)) >= 0
    if known and [_elements(one) for one in shapes].count(length) != 2 and (1, length, 2) not in shapes:
        sizes = " and ".join(str(list(one)) for one in shapes)
        return f"it gives {sizes}, and a start and an end logit for each of its {length} tokens are wanted"
    most = MOST_BYTES // (8 * length)
    if questions > most:
        return f"its answers to {questions} questions are more than is sent back: take at most {most} examples"
    return None


def _elements(shape: Sequence[int]) -> int:
    """-1 where the file leaves a dimension open."""
    return -1 if min(shape, default=0) < 0 else math.prod(shape)
