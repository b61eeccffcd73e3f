"""What a stored tensor is to the operators that read it: a weight, its scale, or a shape. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.model_files.contents import Contents, Key, Node, Tensor

_SCALES_AT = {
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "MatMulInteger": (2, 3), "ConvInteger": (2, 3),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7), "QLinearConv": (1, 2, 4, 5, 6, 7),
    "com.microsoft.QuantizeLinear": (1, 2), "com.microsoft.DequantizeLinear": (1, 2),
    "com.microsoft.DynamicQuantizeMatMul": (2, 3), "com.microsoft.MatMulIntegerToFloat": (2, 3, 4, 5),
    "com.microsoft.MatMulNBits": (2, 3, 4), "com.microsoft.GatherBlockQuantized": (2, 3),
    "com.microsoft.QGemm": (1, 2, 4, 5, 7, 8), "com.microsoft.QAttention": (3, 4, 6, 7),
    "com.microsoft.QLinearAdd": (1, 2, 4, 5, 6, 7), "com.microsoft.QLinearMul": (1, 2, 4, 5, 6, 7),
}  # fmt: skip
"""Operator to the positions of scales and zero points among its inputs. TFLite keeps them beside the tensor."""

_HANDS_ON = {
    "DEQUANTIZE", "RESHAPE", "TRANSPOSE", "Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Transpose",
    "Unsqueeze", "com.microsoft.DequantizeLinear",
}  # fmt: skip
"""Operators behind which a weight is still that weight."""
DEQUANTISES = {"DEQUANTIZE", "DequantizeLinear", "com.microsoft.DequantizeLinear"}


@dataclass(frozen=True)
class Links:
    """Who makes and who reads each tensor of the graph that is run."""

    tensors: Mapping[Key, Tensor]
    makers: Mapping[Key, Node] = field(default_factory=dict)
    readers: Mapping[Key, tuple[tuple[Node, int], ...]] = field(default_factory=dict)

    def origin(self, key: Key) -> tuple[Tensor | None, tuple[Node, ...]]:
        """The stored tensor that a value comes from, None where it is computed, and the operators on its way."""
        way: list[Node] = []
        seen = {key}
        while True:
            tensor = self.tensors.get(key)
            if tensor is not None and tensor.store is not None:
                return tensor, tuple(way)
            maker = self.makers.get(key)
            if maker is None or maker.operator not in _HANDS_ON or not maker.inputs or maker.inputs[0] in seen:
                return None, tuple(way)
            way.append(maker)
            key = maker.inputs[0]
            seen.add(key)


def link(contents: Contents) -> Links:
    """Follow the graph once."""
    makers: dict[Key, Node] = {}
    readers: dict[Key, list[tuple[Node, int]]] = {}
    for node in contents.nodes:
        makers.update(dict.fromkeys(node.outputs, node))
        for position, key in enumerate(node.inputs):
            readers.setdefault(key, []).append((node, position))
    return Links(contents.tensors, makers, {key: tuple(found) for key, found in readers.items()})


def is_scale(key: Key, links: Links) -> bool:
    """Whether a stored tensor quantises others: it stands where an operator expects scales, or is multiplied with the
    scale of a quantisation at run time, as ONNX Runtime's quantiser writes it."""
    uses = links.readers.get(key, ())
    return bool(uses) and all(
        position in _SCALES_AT.get(node.operator, ()) or _rescales(node, position, links) for node, position in uses
    )


def _rescales(node: Node, position: int, links: Links) -> bool:
    if node.operator != "Mul" or len(node.inputs) != 2:
        return False
    other = node.inputs[1 - position]
    maker = links.makers.get(other)
    return maker is not None and maker.operator == "DynamicQuantizeLinear" and maker.outputs.index(other) == 1
