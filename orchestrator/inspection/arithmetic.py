"""How many floating-point operations an operator needs: every rule of counting stands here, and nowhere else. Pure.

- A multiplication with its addition is 2. A product of matrices or a convolution needs 2 for every element of its
  output and every element that is summed for it. Their bias and a fused activation count nothing: of a sum over
  hundreds of terms that is one more.
- An element-wise operator is 1 for every element of its output, whatever it computes. Reductions are 1 for every
  element of their input, poolings 1 for every element of the window and every element of the output. Softmax is 5
  for every element. These are the rules of TensorFlow's own profiler (`profiler/internal/flops_registry.py`).
- Normalisations are counted as the element-wise steps that they consist of.
- What only moves, chooses or converts values is 0: reshape, transpose, gather, cast, quantise, dequantise. So a model
  and its quantised twin have the same products.
- An integer operation counts like a floating-point one, and a value known to be zero like any other.

What has no rule is `Uncounted`, and is never taken for 0.
"""

import math
from collections.abc import Callable, Mapping

from orchestrator.inspection.operators import CONTROL_FLOW, ELEMENTWISE, MOVES, REDUCTIONS
from orchestrator.model_files.contents import Key, Node, Tensor

_MOST_ELEMENTS = 2**63
"""A shape beyond this is not one of a tensor that any machine could hold."""


class Uncounted(Exception):
    """Why an operator's share is unknown, in a few words."""


OPEN = "its shapes are open"
CUSTOM = "a custom operator: what it computes is not in the file"
CONTROL = "control flow: how often it runs is not in the file"
NO_RULE = "no rule for it"


class Shapes:
    """The shapes of one operator's inputs and outputs. Whatever is not known raises `Uncounted`."""

    def __init__(self, node: Node, tensors: Mapping[Key, Tensor]) -> None:
        self.node = node
        self._tensors = tensors

    def read(self, position: int) -> tuple[int, ...]:
        return self._shape(self.node.inputs, position)

    def made(self) -> tuple[int, ...]:
        """The first output. An operator with inputs of some rank makes no scalar: there rank 0 stands for unknown."""
        shape = self._shape(self.node.outputs, 0)
        if not shape and any(self._known(key) for key in self.node.inputs):
            raise Uncounted(OPEN)
        return shape

    def number(self, name: str, usual: int = 0) -> int:
        value = self.node.attributes.get(name, usual)
        return value if isinstance(value, int) else usual

    def _known(self, key: Key) -> tuple[int, ...]:
        tensor = self._tensors.get(key)
        return (tensor.shape or ()) if tensor else ()

    def _shape(self, keys: tuple[Key, ...], position: int) -> tuple[int, ...]:
        tensor = self._tensors.get(keys[position]) if position < len(keys) else None
        if tensor is None or tensor.shape is None or any(size < 0 for size in tensor.shape):
            raise Uncounted(OPEN)
        return tensor.shape


def elements(shape: tuple[int, ...]) -> int:
    """How many values a tensor of this shape has."""
    count = math.prod(shape)
    if count > _MOST_ELEMENTS:
        raise Uncounted("its shapes are larger than any memory")
    return count


def count_flops(node: Node, tensors: Mapping[Key, Tensor]) -> int:
    """The operations of one run of an operator. `Uncounted` where that cannot be told."""
    rule = RULES.get(node.operator)
    if rule is not None:
        try:
            return rule(Shapes(node, tensors))
        except (IndexError, ZeroDivisionError):
            raise Uncounted("its inputs do not fit it") from None
    if node.operator in CONTROL_FLOW:
        raise Uncounted(CONTROL)
    if node.operator.startswith("CUSTOM:"):
        raise Uncounted(CUSTOM)
    raise Uncounted(NO_RULE)


def is_product(operator: str) -> bool:
    """Whether it is a product of matrices or a convolution: what closed forms of networks count."""
    return operator in PRODUCTS


Rule = Callable[[Shapes], int]


def _nothing(_shapes: Shapes) -> int:
    return 0


def _each(per_element: int) -> Rule:
    return lambda shapes: per_element * elements(shapes.made())


def _each_read(per_element: int) -> Rule:
    return lambda shapes: per_element * elements(shapes.read(0))


def _sum_of_many(shapes: Shapes) -> int:
    return (len(shapes.node.inputs) - 1) * elements(shapes.made())


def _product(first: int, transposed: str = "") -> Rule:
    """The first matrix says over how many elements is summed; it stands at position `first`."""

    def count(shapes: Shapes) -> int:
        shape = shapes.read(first)
        summed = shape[-2] if transposed and shapes.number(transposed) and len(shape) > 1 else shape[-1]
        return 2 * elements(_made_by_product(shapes)) * summed

    return count


def _made_by_product(shapes: Shapes) -> tuple[int, ...]:
    """Two vectors make a scalar; any other rank 0 is an unknown shape."""
    vectors = len(shapes.read(0)) == len(shapes.read(1)) == 1 and shapes.node.operator == "MatMul"
    return () if vectors else shapes.made()


def _fully_connected(shapes: Shapes) -> int:
    """Weights are rows of outputs, columns of inputs."""
    return 2 * elements(shapes.made()) * shapes.read(1)[-1]


def _convolution(weights: int, summed: slice) -> Rule:
    """The dimensions of the weights in `summed` are summed over for every element of the output."""
    return lambda shapes: 2 * elements(shapes.made()) * elements(shapes.read(weights)[summed])


def _transposed(weights: int, data: int, spread: Callable[[tuple[int, ...]], int]) -> Rule:
    """Every element of the input is multiplied with all weights of its channel."""
    return lambda shapes: 2 * elements(shapes.read(data)) * spread(shapes.read(weights))


def _n_bits(shapes: Shapes) -> int:
    return 2 * elements(shapes.made()) * shapes.number("K")


def _attention(shapes: Shapes) -> int:
    """Microsoft's `Attention`: the projections of query, key and value in one product, then scores and context."""
    batch, length, width = shapes.read(0)
    columns = shapes.read(1)[1]
    return 2 * batch * length * width * columns + 4 * batch * length**2 * (columns // 3)


def _attention_alone(shapes: Shapes) -> int:
    """Scores and context of `MultiHeadAttention`: query, key, value of batch × length × width."""
    batch, length, width = shapes.read(0)
    return 4 * batch * length * shapes.read(1)[1] * width


def _einsum(shapes: Shapes) -> int:
    """Two factors without an ellipsis: the product over all letters."""
    equation = str(shapes.node.attributes.get("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    if len(terms) != 2 or "." in equation or not equation:
        raise Uncounted("an Einsum of a form without a rule")
    sizes: dict[str, int] = {}
    for position, letters in enumerate(terms):
        sizes.update(zip(letters, shapes.read(position), strict=False))
    return 2 * elements(tuple(sizes.values()))


def _pool_tflite(shapes: Shapes) -> int:
    return elements(shapes.made()) * shapes.number("window_height") * shapes.number("window_width")


def _pool_onnx(shapes: Shapes) -> int:
    window = shapes.node.attributes.get("kernel_shape", ())
    if not isinstance(window, tuple) or not window:
        raise Uncounted("its window is not told")
    return elements(shapes.made()) * elements(window)


def _resize(shapes: Shapes) -> int:
    """Linear interpolation takes a sum of four products; the nearest neighbour is copied."""
    mode = shapes.node.attributes.get("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise Uncounted(f"no rule for its mode {mode}")
    return 8 * elements(shapes.made()) if mode == "linear" else 0


PRODUCTS: dict[str, Rule] = {
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _product(0, "adjoint_x"),
    "CONV_2D": _convolution(1, slice(1, None)),
    "CONV_3D": _convolution(1, slice(0, 4)),
    "DEPTHWISE_CONV_2D": _convolution(1, slice(1, 3)),
    "TRANSPOSE_CONV": _transposed(1, 2, lambda weights: elements(weights[:3])),
    "CONV_3D_TRANSPOSE": _transposed(1, 2, lambda weights: elements(weights[:4])),
    "MatMul": _product(0),
    "MatMulInteger": _product(0),
    "QLinearMatMul": _product(0),
    "Gemm": _product(0, "transA"),
    "Einsum": _einsum,
    "Conv": _convolution(1, slice(1, None)),
    "ConvInteger": _convolution(1, slice(1, None)),
    "QLinearConv": _convolution(3, slice(1, None)),
    "ConvTranspose": _transposed(1, 0, lambda weights: elements(weights[1:])),
    "com.microsoft.Attention": _attention,
    "com.microsoft.QAttention": _attention,
    "com.microsoft.MultiHeadAttention": _attention_alone,
    "com.microsoft.DynamicQuantizeMatMul": _product(0),
    "com.microsoft.FusedGemm": _product(0, "transA"),
    "com.microsoft.FusedConv": _convolution(1, slice(1, None)),
    "com.microsoft.FusedMatMul": _product(0, "transA"),
    "com.microsoft.MatMulIntegerToFloat": _product(0),
    "com.microsoft.MatMulNBits": _n_bits,
    "com.microsoft.QGemm": _product(0, "transA"),
}

RULES: dict[str, Rule] = {
    **PRODUCTS,
    **dict.fromkeys(MOVES, _nothing),
    **dict.fromkeys(ELEMENTWISE, _each(1)),
    **dict.fromkeys(REDUCTIONS, _each_read(1)),
    **dict.fromkeys(("ADD_N", "Sum", "Mean", "Max", "Min"), _sum_of_many),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "Softmax", "LogSoftmax", "com.microsoft.QLinearSoftmax"), _each(5)),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pool_tflite),
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool", "com.microsoft.QLinearAveragePool"), _pool_onnx),
    "L2_NORMALIZATION": _each(3),  # square, sum, scale
    "RESIZE_BILINEAR": _each(8),
    "BatchNormalization": _each(2),  # scale and shift, the rest being constant
    # Mean, difference, square, mean, division, scale, shift; the square root is one for many elements.
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LayerNormalization"), _each(7)),
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), _each(4)),
    "com.microsoft.SkipLayerNormalization": _each(8),
    "com.microsoft.SkipSimplifiedLayerNormalization": _each(5),
    **dict.fromkeys(("com.microsoft.EmbedLayerNormalization", "com.microsoft.QEmbedLayerNormalization"), _each(9)),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
}
