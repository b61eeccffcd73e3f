"""ONNX models: inputs, outputs, operators and enough of the graph to fill the inputs well and to count."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestrator.model_files.contents import (
    Attribute,
    Contents,
    Damaged,
    Envelope,
    Key,
    Node,
    Tensor,
    Unreadable,
    held_weights,
)
from orchestrator.model_files.onnx_file import decode, held_bytes, raw_bytes
from orchestrator.models import TensorInfo

_LARGEST_BYTES = 2**31 - 1
"""The most that a protobuf message can hold."""
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
"""TensorProto.DataType (onnx.proto) to numpy's names."""
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
_UNKNOWN_RANK = (-1,)
_HIGHEST_RANK = 32
_EXTERNAL = 1
"""TensorProto.DataLocation."""
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7
"""AttributeProto.AttributeType."""


def read_onnx(data: Any) -> Contents:
    """Read a model from its bytes, or a mapped file, whose weights are not looked at.

    `Damaged` where its structure does not hold; weights in other files are refused.
    """
    contents = contents_of(decode_onnx(data))
    if contents.envelope.elsewhere:
        raise Unreadable(
            "some of its weights lie in a file of their own, and models in several files are not supported",
            "save it as one file, in Python: onnx.save_model(onnx.load(PATH), NEW_PATH, save_as_external_data=False)",
        )
    return contents


def decode_onnx(data: Any) -> Any:
    """The checked `ModelProto`, without the values of its weights. `Damaged` where its structure does not hold."""
    if len(data) > _LARGEST_BYTES:
        raise Damaged(f"it has {len(data):,} bytes, and an ONNX file can have no more than {_LARGEST_BYTES:,}")
    model = decode(data)
    _check(model)
    return model


def contents_of(model: Any) -> Contents:
    """What a checked `ModelProto` tells. Shapes inside the graph are known where it lists them (`onnx_shapes.py`)."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]  # IR 3 lists weights as inputs too
    shapes: dict[Key, tuple[int, ...]] = {value.name: _shape(value) for value in [*graph.value_info, *graph.input]}
    shapes.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    values = [*graph.value_info, *graph.output, *graph.input]
    tensors: dict[Key, Tensor] = {value.name: _computed(value) for value in values}
    tensors.update(_constants(graph))
    inner_graphs = [inner for node in _all_nodes(graph) for inner in _graphs_in(node)]
    inner_tensors = [
        replace(tensor, store=f"graph {number}: {tensor.store}")  # names of inner graphs need not be unique
        for number, inner in enumerate(inner_graphs)
        for tensor in _constants(inner).values()
    ]
    return Contents(
        inputs=tuple(_tensor(value) for value in inputs),
        outputs=tuple(_tensor(value) for value in graph.output),
        operators=dict(sorted(Counter(_name(node) for node in _all_nodes(graph)).items())),
        input_keys=tuple(value.name for value in inputs),
        nodes=tuple(_node(node) for node in graph.node),
        shapes=shapes,
        weights=held_weights([*tensors.values(), *inner_tensors]),
        tensors=tensors,
        inner_nodes=tuple(_node(node) for inner in inner_graphs for node in inner.node),
        inner_tensors=tuple(inner_tensors),
        envelope=Envelope(
            producer=f"{model.producer_name} {model.producer_version}".strip(),
            ir_version=model.ir_version,
            opsets={_domain(entry.domain): entry.version for entry in model.opset_import},
            elsewhere=any(_is_elsewhere(tensor) for tensor in _all_weights(graph)),
        ),
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
    if len(tensor.dims) > _HIGHEST_RANK or any(dimension < 0 for dimension in tensor.dims):
        raise Damaged(f"the weight {tensor.name!r} claims the shape {list(tensor.dims[: _HIGHEST_RANK + 1])}")
    found_bytes = raw_bytes(tensor)
    if found_bytes and tensor.data_type in _ITEM_BYTES and not _is_elsewhere(tensor):
        needed_bytes = math.prod(tensor.dims) * _ITEM_BYTES[tensor.data_type]
        if found_bytes != needed_bytes:
            raise Damaged(f"the weight {tensor.name!r} needs {needed_bytes:,} bytes, and has {found_bytes:,}")


def _is_elsewhere(tensor: Any) -> bool:
    return bool(tensor.data_location == _EXTERNAL or tensor.external_data)


def _constants(graph: Any) -> dict[Key, Tensor]:
    """The stored tensors of one graph: its initializers, and the values of its `Constant` operators."""
    found: dict[Key, Tensor] = {tensor.name: _stored(tensor.name, tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            name = node.output[0]
            found.update((name, _stored(name, one.t)) for one in node.attribute if one.HasField("t"))
    return found


def _stored(name: str, tensor: Any) -> Tensor:
    dtype = _DTYPES.get(tensor.data_type, f"type {tensor.data_type}")
    return Tensor(name, dtype, tuple(tensor.dims), held_bytes(tensor), store=name)


def _computed(value: Any) -> Tensor:
    if value.type.WhichOneof("value") != "tensor_type":
        return Tensor(value.name, "no tensor", None)
    info = _tensor(value)
    return Tensor(info.name, info.dtype, info.shape if value.type.tensor_type.HasField("shape") else None)


def _node(node: Any) -> Node:
    attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
    found = {name: value for name, value in attributes.items() if value is not None}
    return Node(_name(node), tuple(node.input), tuple(node.output), attributes=found)


def _attribute(attribute: Any) -> Attribute | None:
    """Numbers and words; None for tensors and graphs."""
    if attribute.type == _INT:
        return int(attribute.i)
    if attribute.type == _FLOAT:
        return float(attribute.f)
    if attribute.type == _STRING:
        return str(attribute.s.decode("utf-8", "replace"))
    return tuple(attribute.ints) if attribute.type == _INTS else None


def _graphs_in(node: Any) -> list[Any]:
    return [
        inner
        for attribute in node.attribute
        for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
    ]


def _all_nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for inner in _graphs_in(node):
            yield from _all_nodes(inner)


def _all_weights(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in _all_nodes(graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for inner in _graphs_in(node):
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
    if len(shape) > _HIGHEST_RANK or any(dimension < -1 for dimension in shape):
        raise Damaged(f"{value.name!r} claims the shape {list(shape[: _HIGHEST_RANK + 1])}")
    return shape


def _name(node: Any) -> str:
    return str(node.op_type) if not _domain(node.domain) else f"{node.domain}.{node.op_type}"


def _domain(name: str) -> str:
    """The set of operators by its name; ONNX's own has two."""
    return "" if name == "ai.onnx" else name
