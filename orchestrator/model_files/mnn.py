"""MNN's models (`.mnn`): inputs, outputs and operators of the one graph that is run.

A model is a flatbuffer without an identifier, so it is recognised by its outermost table. Numbers of fields are those
of MNN's public `schema/default/*.fbs`. Inputs and outputs are in the order of their names, as a session of MNN gives
them out. Of outputs only the names stand in the file: MNN works out the rest as it loads one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Key, Node, Unreadable
from orchestrator.model_files.flatbuffer import Broken, Table
from orchestrator.model_files.mnn_operators import NAMES
from orchestrator.models import UNTOLD, TensorInfo

_CODE, _OPERATORS, _OUTPUT_NAMES, _TENSOR_NAMES, _TENSOR_COUNT = 0, 3, 4, 7, 8
_FURTHEST_ROOT_BYTES = 128
_ALIGNED_BYTES = 4
_FIELDS = range(9, 17)
"""How many a model's outermost table has room for, over the versions of the schema."""
_INPUT_INDEXES, _PARAMETER_KIND, _PARAMETER, _NAME, _OUTPUT_INDEXES, _TYPE, _EXTERNAL_PATH = 0, 1, 2, 3, 4, 5, 7
_DIMS, _DTYPE = 0, 1
_FLOAT = 1
_BLOB, _CONVOLUTION = 7, 9
"""The kinds of parameters that hold most weights: constants, and what convolutions and dense layers multiply by."""
_BLOB_TYPE, _BLOB_BYTES, _BLOB_INT8, _BLOB_FLOATS, _BLOB_ELSEWHERE = 2, 3, 4, 7, 9
_FLOATS, _BIAS, _PACKED, _INTEGERS, _CONVOLUTION_ELSEWHERE = 1, 2, 3, 4, 6
_PACKED_BYTES, _PACKED_KIND, _HALF = 0, 2, 3
_INTEGER_BYTES = 0
"""Of the table in which a convolution of quantised activations has its weights."""
_CONST, _GATHERS, _INPUT = 11, (30, 31), 34
_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool", 14: "bfloat16",
    17: "uint16", 19: "float16",
}  # fmt: skip


def is_mnn(data: Any) -> bool:
    """Whether a file begins with the table of a model: its size, and the fields that each model has."""
    try:
        root = int.from_bytes(bytes(data[:4]), "little")
        if not 4 < root <= _FURTHEST_ROOT_BYTES:
            return False
        model = Table.root(data)
        return model.fields in _FIELDS and all(model.has(one) for one in (_OPERATORS, _TENSOR_NAMES, _TENSOR_COUNT))
    except Broken:
        return False


def read_mnn(data: Any) -> Contents:
    """Read the model; `Damaged` where its structure does not hold, `Unreadable` where its weights lie elsewhere."""
    if len(data) % _ALIGNED_BYTES:
        raise Damaged(f"it has {len(data):,} bytes, and flatbuffers end on a whole word")
    try:
        model = Table.root(data)
        model.text(_CODE)  # what lies last in the file
        tensors = list(model.texts(_TENSOR_NAMES))
        operators = list(model.tables(_OPERATORS))
        nodes = tuple(_node(operator, len(tensors)) for operator in operators)
        inputs = sorted(_inputs(operators, nodes, tensors), key=lambda one: one[0].name)
        outputs = sorted(model.texts(_OUTPUT_NAMES))
        shapes = dict(_constants(operators, nodes))
        weights = _weights(operators)
    except Broken as error:
        raise Damaged(str(error)) from None
    unknown = [name for name in outputs if name not in tensors]
    if unknown:
        raise Damaged(f"its output {unknown[0]!r} is none of its tensors")
    return Contents(
        inputs=tuple(tensor for tensor, _ in inputs),
        outputs=tuple(TensorInfo(name, UNTOLD, (-1,)) for name in outputs),
        operators=dict(sorted(Counter(node.operator for node in nodes if node.operator != "Input").items())),
        input_keys=tuple(key for _, key in inputs),
        nodes=nodes,
        shapes=shapes,
        weights=weights,
    )


def _node(operator: Table, tensor_count: int) -> Node:
    """An operator; gathers are called as in ONNX, which tells by the name what they index."""
    ends = operator.integers(_INPUT_INDEXES), operator.integers(_OUTPUT_INDEXES)
    for index in (*ends[0], *ends[1]):
        if not 0 <= index < tensor_count:
            raise Damaged(f"{operator.text(_NAME) or 'an operator'} names tensor {index} of {tensor_count}")
    kind = operator.integer(_TYPE)
    return Node("Gather" if kind in _GATHERS else NAMES.get(kind, f"operator {kind}"), *ends)


def _inputs(
    operators: Sequence[Table], nodes: Sequence[Node], tensors: Sequence[str]
) -> Iterator[tuple[TensorInfo, Key]]:
    for operator, node in zip(operators, nodes, strict=True):
        if operator.integer(_TYPE) != _INPUT:
            continue
        told = operator.table(_PARAMETER)
        if told is None or not node.outputs:
            raise Damaged("an input does not tell what it is")
        dtype, dims = told.integer(_DTYPE, usual=_FLOAT), told.integers(_DIMS)
        if any(size < -1 for size in dims):
            raise Damaged(f"an input claims the shape {list(dims)}")
        key = node.outputs[0]
        yield TensorInfo(tensors[int(key)], _DTYPES.get(dtype, f"type {dtype}"), dims), key


def _constants(operators: Sequence[Table], nodes: Sequence[Node]) -> Iterator[tuple[Key, tuple[int, ...]]]:
    for operator, node in zip(operators, nodes, strict=True):
        if operator.integer(_TYPE) == _CONST and operator.integer(_PARAMETER_KIND, "<B") == _BLOB and node.outputs:
            blob = operator.table(_PARAMETER)
            if blob is not None:
                yield node.outputs[0], blob.integers(_DIMS)


def _weights(operators: Sequence[Table]) -> dict[str, int]:
    """Bytes by type of what most weights lie in; `Unreadable` where they lie in another file."""
    found: Counter[str] = Counter()
    for operator in operators:
        told, kind = operator.table(_PARAMETER), operator.integer(_PARAMETER_KIND, "<B")
        if told is None or kind not in (_BLOB, _CONVOLUTION):
            continue
        if operator.has(_EXTERNAL_PATH) or told.has(_BLOB_ELSEWHERE if kind == _BLOB else _CONVOLUTION_ELSEWHERE):
            raise Unreadable(
                "its weights lie in another file", "convert it again without --saveExternalData, into one file"
            )
        if kind == _BLOB:
            found["float32"] += 4 * told.length(_BLOB_FLOATS, 4)
            found["int8"] += told.length(_BLOB_INT8)
            found[_DTYPES.get(told.integer(_BLOB_TYPE), "uint8")] += told.length(_BLOB_BYTES)  # halves are there, too
            continue
        found["float32"] += 4 * (told.length(_FLOATS, 4) + told.length(_BIAS, 4))
        packed, integers = told.table(_PACKED), told.table(_INTEGERS)
        if packed is not None:
            dtype = "float16" if packed.integer(_PACKED_KIND) == _HALF else "int8"
            found[dtype] += packed.length(_PACKED_BYTES)
        if integers is not None:
            found["int8"] += integers.length(_INTEGER_BYTES)
    return {dtype: size for dtype, size in found.items() if size}
