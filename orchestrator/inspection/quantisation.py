"""In which numbers a model computes, read off its graph. Pure.

Decided are the operators with stored weights that do products (`arithmetic.PRODUCTS`), one by one, from the type in
which the file holds the weights and from what is multiplied with them:

    weights            multiplied with                    form
    float32            floats                             float32
    float16            floats                             float16 weights
    integers           floats, quantised as they come     dynamic range int8
    integers, made     floats                             int8 weights only
    floats first
    integers           integers                           full integer int8

If all have one form, so has the model; else it is mixed, and every form is told with its count. 4-bit weights appear as
`int4`. Operators whose factors are both computed, such as the scores of attention, have no weights and do not vote.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.inspection.arithmetic import PRODUCTS
from orchestrator.inspection.roles import DEQUANTISES, Links
from orchestrator.model_files.contents import Contents, Key, Node, Tensor

_WEIGHTS_AT = {"QLinearMatMul": 3, "QLinearConv": 3, "com.microsoft.QGemm": 3}
_ACTIVATION_AT = {"TRANSPOSE_CONV": 2, "CONV_3D_TRANSPOSE": 2}
_ALWAYS_INTEGER = {"QLinearMatMul", "QLinearConv", "com.microsoft.QGemm"}
_QUANTISES_ITSELF = {"com.microsoft.DynamicQuantizeMatMul"}
_RESTORES_ITSELF = {"com.microsoft.MatMulNBits"}
_QUANTISERS = {"QuantizeLinear", "com.microsoft.QuantizeLinear"}
_ZERO_POINT_AT = {"MatMulInteger": 3, "ConvInteger": 3, "com.microsoft.DynamicQuantizeMatMul": 2,
                  "com.microsoft.MatMulIntegerToFloat": 3, "QLinearMatMul": 4, "QLinearConv": 4,
                  "com.microsoft.QGemm": 4, "com.microsoft.QAttention": 4}  # fmt: skip
"""Where the scale or the zero point of the weights stands: as many of them as there are scales."""


@dataclass(frozen=True)
class WeightedOperator:
    """One operator with stored weights: `form` as in the table above, `grain` how many values share a scale."""

    node: Node
    form: str
    grain: str


@dataclass(frozen=True)
class Quantisation:
    """`scheme` in words; `forms` and `grains` how many of the `decided` operators have which."""

    scheme: str
    evidence: str
    forms: Mapping[str, int]
    grains: Mapping[str, int]
    tables: Mapping[str, int]


def judge_quantisation(contents: Contents, links: Links) -> tuple[Quantisation, tuple[WeightedOperator, ...]]:
    """The scheme of the model, and the operators that decided it."""
    weighted = tuple(found for node in contents.nodes if (found := _judge(node, links)) is not None)
    forms = Counter(one.form for one in weighted)
    grains = Counter(one.grain for one in weighted if one.grain)
    tables = Counter(tensor.dtype for node in contents.nodes if (tensor := _table(node, links)) is not None)
    parts = ", ".join(f"{count} {form}" for form, count in forms.most_common())
    if not weighted:
        scheme, evidence = "none to be seen", "no operator multiplies with stored weights"
    elif len(forms) == 1:
        scheme = weighted[0].form
        evidence = f"all {len(weighted)} products with stored weights: {_why(scheme)}"
    else:
        scheme = "mixed"
        evidence = f"of {len(weighted)} products with stored weights {parts}"
    return Quantisation(scheme, evidence, dict(forms), dict(grains), dict(tables)), weighted


def _why(form: str) -> str:
    if form.startswith("dynamic range"):
        return f"weights are stored as {form.rpartition(' ')[2]}, and meet floats that are quantised as they come"
    if form.startswith("full integer"):
        return "stored integers meet integers"
    if form.endswith("weights only"):
        return "stored integers are made floats, which meet floats"
    return f"weights are stored as {form.partition(' ')[0]}, and meet floats"


def _judge(node: Node, links: Links) -> WeightedOperator | None:
    if node.operator not in PRODUCTS:
        return None
    position = _WEIGHTS_AT.get(node.operator, 1)
    weights, way = _stored(node, position, links)
    if weights is None:
        return None
    if "int" not in weights.dtype:
        return WeightedOperator(node, _float_form(weights.dtype), "")
    bits = _bits(node, weights)
    if any(step.operator in DEQUANTISES for step in way):
        form = f"full integer {bits}" if _meets_integers(node, links) else f"{bits} weights only"
    elif node.operator in _RESTORES_ITSELF:
        form = f"{bits} weights only"
    elif node.operator in _ALWAYS_INTEGER or _is_integer_in_tflite(node, links):
        form = f"full integer {bits}"
    else:
        form = f"dynamic range {bits}" if _quantised_as_it_comes(node, links) else f"full integer {bits}"
    return WeightedOperator(node, form, _grain(node, weights, way, links))


def _stored(node: Node, position: int, links: Links) -> tuple[Tensor | None, tuple[Node, ...]]:
    """The stored factor of a product: usually the second; a `MatMul` may have it in front."""
    places = (position, 0) if node.operator in ("MatMul", "BATCH_MATMUL") else (position,)
    for place in places:
        if place < len(node.inputs):
            tensor, way = links.origin(node.inputs[place])
            if tensor is not None:
                return tensor, way
    return None, ()


def _float_form(dtype: str) -> str:
    return dtype if dtype == "float32" else f"{dtype} weights"


def _bits(node: Node, weights: Tensor) -> str:
    bits = node.attributes.get("bits", 4)
    return f"int{bits}" if node.operator == "com.microsoft.MatMulNBits" else weights.dtype.removeprefix("u")


def _activation(node: Node) -> Key | None:
    position = _ACTIVATION_AT.get(node.operator, 0)
    return node.inputs[position] if position < len(node.inputs) else None


def _is_integer_in_tflite(node: Node, links: Links) -> bool:
    key = _activation(node)
    tensor = links.tensors.get(key) if key is not None else None
    return node.operator.isupper() and tensor is not None and "int" in tensor.dtype


def _quantised_as_it_comes(node: Node, links: Links) -> bool:
    if node.operator in _QUANTISES_ITSELF or node.operator.isupper():
        return True
    maker = _maker_behind_moves(_activation(node), links)
    return maker is not None and maker.operator == "DynamicQuantizeLinear"


def _meets_integers(node: Node, links: Links) -> bool:
    """QDQ: the activation was an integer just before."""
    maker = links.makers.get(_activation(node) or "")
    if maker is None or maker.operator not in DEQUANTISES or not maker.inputs:
        return False
    before = links.makers.get(maker.inputs[0])
    tensor = links.tensors.get(maker.inputs[0])
    return (before is not None and before.operator in _QUANTISERS) or (
        tensor is not None and tensor.store is None and "int" in tensor.dtype
    )


def _maker_behind_moves(key: Key | None, links: Links) -> Node | None:
    seen: set[Key] = set()
    maker = links.makers.get(key) if key is not None else None
    while maker is not None and maker.operator in ("Reshape", "Transpose", "Identity") and maker.inputs:
        if maker.inputs[0] in seen:
            return None
        seen.add(maker.inputs[0])
        maker = links.makers.get(maker.inputs[0])
    return maker


def _grain(node: Node, weights: Tensor, way: tuple[Node, ...], links: Links) -> str:
    if weights.in_blocks or "block_size" in node.attributes or any(step.attributes.get("block_size") for step in way):
        return "per block"
    scales = weights.scales
    for step in way:
        if step.operator in DEQUANTISES and len(step.inputs) > 1:
            scales = _count(step.inputs[1], links)
    position = _ZERO_POINT_AT.get(node.operator)
    if position is not None and position < len(node.inputs) and node.inputs[position] != "":
        scales = _count(node.inputs[position], links)
    if scales == 0:
        return "without a scale to be seen"
    return "per tensor" if scales == 1 else "per channel"


def _count(key: Key, links: Links) -> int:
    tensor = links.tensors.get(key)
    if tensor is None or tensor.shape is None:
        return 0
    count = 1
    for size in tensor.shape:
        count *= size
    return count


def _table(node: Node, links: Links) -> Tensor | None:
    """The table of an embedding, which is read and not multiplied with."""
    position = {"EMBEDDING_LOOKUP": 1, "GATHER": 0, "Gather": 0, "com.microsoft.GatherBlockQuantized": 0}.get(
        node.operator
    )
    if position is None or position >= len(node.inputs):
        return None
    tensor, _ = links.origin(node.inputs[position])
    return tensor if tensor is not None and tensor.shape is not None and len(tensor.shape) > 1 else None
