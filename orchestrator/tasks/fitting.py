"""Whether a model can do the work, as far as its file tells. Pure."""

import math
from collections.abc import Sequence

from agent.tasks.packing import MOST_BYTES
from orchestrator.assignment import CLASSIFICATION, GENERATION, QUESTION_ANSWERING, TaskChoice
from orchestrator.models import Model
from orchestrator.tasks.material import Material

_WHOLE = {"int32", "int64"}
_MOST_INPUTS = 3
_LEAST_LENGTH = 3
"""[CLS], a token, [SEP]."""


def objection_to(model: Model, choice: TaskChoice, material: Material) -> str | None:
    """Why a model cannot do this work; None where nothing speaks against it."""
    shapes = {tuple(one.shape) for one in model.recipes}
    dtypes = {one.dtype for one in model.recipes}
    if not _WHOLE & dtypes or dtypes - _WHOLE - {"float32"} or len(shapes) != 1 or len(model.recipes) > _MOST_INPUTS:
        return "it reads no tokens: ids, mask and types of 1 x length are wanted, the ids in whole numbers"
    (shape,) = shapes
    length = shape[-1] if shape else 0
    if shape not in ((1, length), (length,)) or length < _LEAST_LENGTH:
        return f"its inputs have the shape {shape}: 1 x length is wanted, or length alone"
    if material.kind == CLASSIFICATION:
        return _of_classes(choice.data, len(material.classes), model)
    if material.kind == QUESTION_ANSWERING:
        return _of_spans(len(material.examples), length, model)
    if material.kind == GENERATION and choice.new_tokens >= length:
        return f"it reads {length} tokens, and {choice.new_tokens} new ones are asked for"
    return None


def length_of(model: Model) -> int:
    """How many tokens an example has, of a model that nothing speaks against."""
    return model.recipes[0].shape[-1]


def _of_classes(data: str, classes: int, model: Model) -> str | None:
    sizes = [_elements(one.shape) for one in model.outputs]
    if sizes and min(sizes) >= 0 and classes not in sizes:
        return f"it gives {' and '.join(map(str, sizes))} numbers, and {data} has {classes} classes"
    return None


def _of_spans(questions: int, length: int, model: Model) -> str | None:
    shapes = [tuple(one.shape) for one in model.outputs]
    known = shapes and min(map(_elements, shapes)) >= 0
    in_one = {(1, length, 2), (length, 2)} & set(shapes)
    if known and not in_one and [_elements(one) for one in shapes].count(length) != 2:
        sizes = " and ".join(str(list(one)) for one in shapes)
        return f"it gives {sizes}, and a start and an end logit for each of its {length} tokens are wanted"
    most = MOST_BYTES // (8 * length)
    if questions > most:
        return f"its answers to {questions} questions are more than is sent back: take at most {most} examples"
    return None


def _elements(shape: Sequence[int]) -> int:
    """-1 where the file leaves a dimension open."""
    return -1 if min(shape, default=0) < 0 else math.prod(shape)
