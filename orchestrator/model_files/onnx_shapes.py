"""The shapes inside an ONNX graph, for given shapes of its inputs: most files list only those of inputs and outputs.

The inference is ONNX's own. It knows nothing of Microsoft's operators, so in the copy that it works on each of them is
replaced by an operator of ONNX whose output has the same shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.model_files.onnx_growth import MOST_OPERATORS, are_values_few, size_inlined

_UNCHANGED = {
    "BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "MultiHeadAttention", "QLinearLeakyRelu", "QLinearSigmoid",
    "QLinearSoftmax", "QuickGelu", "RotaryEmbedding", "SimplifiedLayerNormalization", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
}  # fmt: skip
"""Operators whose first output has the shape of their first input."""
_PRODUCTS = {"DynamicQuantizeMatMul", "FusedMatMul", "MatMulIntegerToFloat"}
_ATTENTION = {"Attention", "QAttention"}
_EMBEDDING = {"EmbedLayerNormalization": 2, "QEmbedLayerNormalization": 2}
"""Operator to the position of its table; the ids come first."""
_MICROSOFT = "com.microsoft"
_MICROSOFT_WITHOUT_DOMAIN = {"SimplifiedLayerNormalization"}
_RANK_OF_A_MATRIX = 2
_FLOAT32, _STRING = 1, 3
"""TensorProto.DataType, AttributeProto.AttributeType."""


def with_shapes(model: Any, inputs: Mapping[str, tuple[int, ...]]) -> Any:
    """A copy of a checked `ModelProto` whose `value_info` holds every shape that can be inferred.

    `inputs` closes open dimensions, by the input's name; a dimension of the same name elsewhere is closed with it.
    Calls of the file's own functions are replaced by what they do. Where inference fails, what the file tells stays.
    """
    import onnx
    from onnx import inliner, shape_inference

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    try:
        if copy.functions and size_inlined(copy) <= MOST_OPERATORS:
            copy = inliner.inline_local_functions(copy)
        _close(copy.graph, inputs)
        guessed = onnx.ModelProto()
        guessed.CopyFrom(copy)
        del guessed.functions[:]  # those that were too many to be inlined would be followed all the same
        _put_stand_ins(guessed.graph)
        known = shape_inference.infer_shapes(guessed, data_prop=are_values_few(guessed.graph)).graph
    # What the library raises on a damaged graph is listed nowhere, and nothing is lost but shapes.
    except Exception:
        return copy
    listed = {value.name: value for value in copy.graph.value_info}
    del copy.graph.value_info[:]
    copy.graph.value_info.extend((listed | {value.name: value for value in known.value_info}).values())
    del copy.graph.output[:]
    copy.graph.output.extend(known.output)
    return copy


def _close(graph: Any, inputs: Mapping[str, tuple[int, ...]]) -> None:
    sizes: dict[str, int] = {}
    for value in graph.input:
        shape = inputs.get(value.name)
        if shape is None:
            continue
        declared = value.type.tensor_type.shape
        if len(declared.dim) != len(shape):  # its rank was open
            del declared.dim[:]
            for _ in shape:
                declared.dim.add()
        for dimension, size in zip(declared.dim, shape, strict=True):
            if dimension.WhichOneof("value") == "dim_param":
                sizes[dimension.dim_param] = size
            dimension.dim_value = size
        value.type.tensor_type.shape.SetInParent()
    for value in [*graph.input, *graph.output, *graph.value_info]:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.WhichOneof("value") == "dim_param" and dimension.dim_param in sizes:
                dimension.dim_value = sizes[dimension.dim_param]


@dataclass(frozen=True)
class _StandIn:
    """An operator of ONNX with the same shape; `weight` is the shape of a last input that is made up for it."""

    operator: str
    inputs: Sequence[str]
    weight: tuple[int, ...] | None = None
    equation: str = ""


def _put_stand_ins(graph: Any) -> None:
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for number, node in enumerate(graph.node):
        if node.domain != _MICROSOFT and node.op_type not in _MICROSOFT_WITHOUT_DOMAIN:
            continue
        stand_in = _stand_in(node, {attribute.name: attribute.i for attribute in node.attribute}, weights)
        if stand_in is None:
            continue
        del node.input[:], node.attribute[:], node.output[1:]
        node.domain, node.op_type = "", stand_in.operator
        node.input.extend(stand_in.inputs)
        if stand_in.weight is not None:
            name = f"stand-in weight {number}"
            graph.initializer.add(name=name, data_type=_FLOAT32, dims=stand_in.weight)
            node.input.append(name)
        if stand_in.equation:
            node.attribute.add(name="equation", s=stand_in.equation.encode(), type=_STRING)


def _stand_in(node: Any, attributes: Mapping[str, int], weights: Mapping[str, tuple[int, ...]]) -> _StandIn | None:
    kind, inputs = node.op_type, list(node.input)
    table = _EMBEDDING.get(kind, 0)
    found = None
    if kind in _UNCHANGED and inputs:
        found = _StandIn("Identity", inputs[:1])
    elif kind in _PRODUCTS and len(inputs) > 1:
        first = "ji" if attributes.get("transA") else "ij"
        second = "kj" if attributes.get("transB") else "jk"
        batch = "" if len(weights.get(inputs[1], ())) == _RANK_OF_A_MATRIX else "..."
        found = _StandIn("Einsum", inputs[:2], equation=f"...{first},{batch}{second}->...ik")
    elif kind == "MatMulNBits" and inputs and attributes.get("K", 0) > 0 and attributes.get("N", 0) > 0:
        found = _StandIn("MatMul", inputs[:1], weight=(attributes["K"], attributes["N"]))
    elif kind in _ATTENTION and len(inputs) > 1 and "qkv_hidden_sizes" not in attributes:
        rows, columns = (*weights.get(inputs[1], ()), 0, 0)[:2]  # those of query, key and value side by side
        found = _StandIn("MatMul", inputs[:1], weight=(rows, columns // 3)) if columns else None
    elif table and len(inputs) > table:
        found = _StandIn("Gather", [inputs[table], inputs[0]])
    return found
