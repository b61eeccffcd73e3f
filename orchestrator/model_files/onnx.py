"""ONNX models: inputs, outputs, operators and enough of the graph to fill the inputs well."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Key, Node, Unreadable
from orchestrator.models import TensorInfo

_LARGEST_BYTES = 2**31 - 1
"""The most that a protobuf message can hold."""
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
}  # fmt: skip
"""TensorProto.DataType (onnx.proto) to numpy's names."""
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
_UNKNOWN_RANK = (-1,)
_EXTERNAL = 1
"""TensorProto.DataLocation."""


def read_onnx(data: Any) -> Contents:
    """Read a model from its bytes. `Damaged` where its structure does not hold; weights in other files are refused."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if len(data) > _LARGEST_BYTES:
        raise Damaged(f"it has {len(data):,} bytes, and an ONNX file can have no more than {_LARGEST_BYTES:,}")
    try:
        model = onnx.load_model_from_string(bytes(data[:]))
    except (DecodeError, ValueError) as error:
        raise Damaged(f"protobuf cannot decode it ({error})") from None
    _check(model)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]  # IR 3 lists weights as inputs too
    shapes: dict[Key, tuple[int, ...]] = {value.name: _shape(value) for value in [*graph.value_info, *graph.input]}
    shapes.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    held = Counter[str]()
    for tensor in _all_weights(graph):
        held[_DTYPES.get(tensor.data_type, "unknown")] += tensor.ByteSize()
    return Contents(
        inputs=tuple(_tensor(value) for value in inputs),
        outputs=tuple(_tensor(value) for value in graph.output),
        operators=dict(sorted(Counter(_name(node) for node in _all_nodes(graph)).items())),
        input_keys=tuple(value.name for value in inputs),
        nodes=tuple(Node(_name(node), tuple(node.input), tuple(node.output), _axis(node)) for node in graph.node),
        shapes=shapes,
        weights=dict(held),
    )


def _check(model: Any) -> None:
    if not model.opset_import:
        raise Damaged("it names no operator set")
    graph = model.graph
    if not graph.output or not (graph.node or graph.initializer):
        raise Damaged("its graph is empty")
    known = {""} | {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    known |= {tensor.values.name for tensor in graph.sparse_initializer}
    known |= {name for node in graph.node for name in node.output}
    for node in graph.node:
        if not node.op_type:
            raise Damaged(f"the operator {node.name!r} has no kind")
        for name in node.input:
            if name not in known:
                raise Damaged(f"the operator {node.name or node.op_type!r} reads {name!r}, which nothing makes")
    for value in graph.output:
        if value.name not in known:
            raise Damaged(f"nothing makes the output {value.name!r}")
    for tensor in _all_weights(graph):
        _check_weight(tensor)


def _check_weight(tensor: Any) -> None:
    if tensor.data_location == _EXTERNAL or tensor.external_data:
        raise Unreadable(
            f"the weight {tensor.name!r} lies in a file of its own, and models in several files are not supported",
            "save it as one file, in Python: onnx.save_model(onnx.load(PATH), NEW_PATH, save_as_external_data=False)",
        )
    if any(dimension < 0 for dimension in tensor.dims):
        raise Damaged(f"the weight {tensor.name!r} claims the shape {list(tensor.dims)}")
    if tensor.raw_data and tensor.data_type in _ITEM_BYTES:
        needed_bytes = math.prod(tensor.dims) * _ITEM_BYTES[tensor.data_type]
        if len(tensor.raw_data) != needed_bytes:
            raise Damaged(f"the weight {tensor.name!r} needs {needed_bytes:,} bytes, and has {len(tensor.raw_data):,}")


def _all_nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _all_nodes(inner)


def _all_weights(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in _all_nodes(graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from inner.initializer


def _tensor(value: Any) -> TensorInfo:
    kind = value.type.WhichOneof("value") or "tensor_type"
    if kind != "tensor_type":
        raise Unreadable(
            f"{value.name!r} is a {kind.removesuffix('_type')}, and only tensors are supported",
            "export the model with plain tensors as inputs and outputs",
        )
    number = value.type.tensor_type.elem_type
    return TensorInfo(value.name, _DTYPES.get(number, f"type {number}"), _shape(value))


def _shape(value: Any) -> tuple[int, ...]:
    """Dimensions, -1 where one is a name or missing; a tensor whose very rank is open counts as one open dimension."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return _UNKNOWN_RANK
    shape = tuple(one.dim_value if one.WhichOneof("value") == "dim_value" else -1 for one in tensor.shape.dim)
    if any(dimension < -1 for dimension in shape):
        raise Damaged(f"{value.name!r} claims the shape {list(shape)}")
    return shape


def _name(node: Any) -> str:
    return str(node.op_type) if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _axis(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "axis"), 0)
