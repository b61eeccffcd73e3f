"""Reference outputs: what a model must give, on any board, before a clock starts. Pure.

Tolerances are shares of a reference tensor's spread (maximum - minimum). They were measured on `examples/models`
(its README has the table): 64 inputs, x86-64, tflite-runtime 2.13 and 2.14, ai-edge-litert 2.3, onnxruntime 1.31.
"""

import base64
import math
import struct
from collections.abc import Sequence

from agent.protocol import InputRecipe, Reference, Tensor
from orchestrator.models import UNTOLD, Model, TensorInfo

SAME_FLOAT_FILE = 1e-3
"""A float32 file on another runtime or board. Measured: at most 1e-5. The rest is room for other orders of summing
on deeper models and for float16 arithmetic, which ARM builds may use; a wrong operator is far outside."""

DYNAMIC_INT8 = 0.15
"""A dynamic int8 file against its float32 parent, or against itself on another runtime: activations are rounded at
run time, and each version rounds its own way. Measured on inputs of wide spread (`widest`, 2 of 8): at most 0.07.
The outputs of another input differ by 0.33 at least, zeros by 0.5 at least."""

STATIC_INT8 = 0.25
"""A fully int8 file against its float32 parent: looser than `DYNAMIC_INT8`, as activations keep 8 bits all the way.
Chosen, not measured: below the 0.33 by which the outputs of another input differ."""

EXACT = 0.0
"""The `fake` runtime, and one file on one board and runtime twice."""

_INTEGERS = ("int8", "uint8", "int4", "uint4", "int16", "uint16")


def default_tolerance(model: Model) -> float:
    """What the outputs of `model` may differ from its reference, by what its file says of itself.

    Integer outputs or inputs of a model with integer weights mean fully quantised; integer weights alone, of which
    at least half are integers, mean dynamic quantisation. The parent of a quantised model may be float: the
    tolerances hold for both references.
    """
    if model.format == "fake":
        return EXACT
    counts = {dtype: size_bytes / _width_bytes(dtype) for dtype, size_bytes in model.weights.items()}
    whole = sum(counts.values())
    quantised = sum(count for dtype, count in counts.items() if dtype in _INTEGERS)
    if 2 * quantised < whole or whole == 0:
        return SAME_FLOAT_FILE
    interface = [tensor.dtype for tensor in (*model.inputs, *model.outputs)]
    return STATIC_INT8 if any(dtype in _INTEGERS for dtype in interface) else DYNAMIC_INT8


_FORMATS = {
    "float16": "e", "float32": "f", "float64": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H",
    "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "bool": "?",
}  # fmt: skip


def _width_bytes(dtype: str) -> int:
    """Of one weight; 1 for those that are packed."""
    return struct.calcsize(_FORMATS[dtype]) if dtype in _FORMATS else 1


def reference_from(outputs: Sequence[Tensor], seed: int, tolerance: float) -> Reference:
    """The outputs for the inputs of `seed` as a reference. `ValueError` where they can judge nothing.

    That is: no tensor at all, a tensor of an unknown type or length, one with NaN or infinity, or one whose
    elements are all equal though it has several: then a runtime that writes zeros could not be told from a good one.
    """
    if not outputs:
        raise ValueError("a reference needs at least one output")
    if not 0.0 <= tolerance < 1.0:
        raise ValueError(f"a tolerance is a share of the spread, 0 to 1, not {tolerance}")
    for tensor in outputs:
        spread = spread_of(tensor)
        if spread == 0.0 and math.prod(tensor.shape) > 1:
            raise ValueError(f"output {tensor.name!r}: all its elements are equal, so it cannot tell right from wrong")
    return Reference(seed, list(outputs), tolerance)


def told_outputs(declared: Sequence[TensorInfo], references: Sequence[Reference]) -> tuple[TensorInfo, ...]:
    """The outputs of a model as they came, where its file tells their names alone."""
    came = {tensor.name: tensor for reference in references for tensor in reference.outputs}
    return tuple(
        TensorInfo(one.name, came[one.name].dtype, tuple(came[one.name].shape))
        if one.dtype == UNTOLD and one.name in came
        else one
        for one in declared
    )


def same_outputs(ours: Sequence[TensorInfo], theirs: Sequence[TensorInfo]) -> bool:
    """Whether the outputs of one model can be held against those of another: by name where the names are the same, else
    by position, as on the board (`agent/gate.py`). Of an output whose shape one of them leaves untold, the board will
    see."""
    named = {one.name: one for one in theirs}
    if len(named) == len(ours) and set(named) == {one.name for one in ours}:
        theirs = [named[one.name] for one in ours]
    return len(ours) == len(theirs) and all(
        UNTOLD in (one.dtype, other.dtype) or one.shape == other.shape for one, other in zip(ours, theirs, strict=True)
    )


def same_inputs(ours: Sequence[InputRecipe], theirs: Sequence[InputRecipe]) -> bool:
    """Whether both are fed the same values, whatever the order and the width in which they take them."""
    return sorted(map(_fed, ours)) == sorted(map(_fed, theirs))


def _fed(recipe: InputRecipe) -> tuple[object, ...]:
    width = _WIDTHS.get(recipe.dtype, recipe.dtype)
    return recipe.name, width, tuple(recipe.shape), recipe.fill, recipe.low, recipe.high


_WIDTHS = {"int32": "whole", "int64": "whole", "bool": "whole", "float32": "float", "float64": "float"}
"""Types that differ in what they hold, and not in what the recipes fill in."""


def widest(candidates: Sequence[Reference], keep: int) -> list[Reference]:
    """The `keep` references whose narrowest output is widest compared with that output's best, in order of seed.

    An error is judged against the spread; where a classifier is undecided the spread is small by chance, and an
    honest rounding error looks large. Choosing wide ones of a few seeds keeps the tolerance tight.
    """
    spreads = [[spread_of(tensor) for tensor in candidate.outputs] for candidate in candidates]
    best = [max(column) for column in zip(*spreads, strict=True)]

    def narrowest(index: int) -> float:
        return min(spread / top if top else 1.0 for spread, top in zip(spreads[index], best, strict=True))

    order = sorted(range(len(candidates)), key=lambda index: (-narrowest(index), candidates[index].seed))
    return sorted((candidates[index] for index in order[:keep]), key=lambda reference: reference.seed)


def spread_of(tensor: Tensor) -> float:
    """Maximum - minimum of its elements. `ValueError` where the bytes are not the tensor or are not finite."""
    if tensor.dtype not in _FORMATS:
        raise ValueError(
            f"output {tensor.name!r}: type {tensor.dtype} cannot be compared; known: {', '.join(_FORMATS)}"
        )
    data = base64.b64decode(tensor.data, validate=True)
    count = math.prod(tensor.shape)
    layout = struct.Struct(f"<{count}{_FORMATS[tensor.dtype]}")
    if count == 0 or layout.size != len(data):
        raise ValueError(f"output {tensor.name!r}: {len(data)} bytes for {tensor.shape} of {tensor.dtype}")
    values = layout.unpack(data)
    low, high = min(values), max(values)
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"output {tensor.name!r}: it contains NaN or infinity")
    return float(high - low)
