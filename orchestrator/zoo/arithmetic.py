"""How many parameters a network has, and how many floating-point operations one inference takes. Pure.

A multiply-add counts as two operations. Counted are the matrix products: dense layers, and both products of attention.
Not counted are biases, normalisation, softmax, activations and look-ups, which are about one percent. For an encoder
of BERT's kind that is, with L tokens, width h and feed-forward width f, a layer (Vaswani et al., arXiv 1706.03762,
sections 3.2 and 3.3): 2·L·(4·h² + 2·h·f) for dense layers and 4·L²·h for scores and weighted values. BERT-base at
length 128: 22.35 G.
"""

from orchestrator.zoo.heads import Head
from orchestrator.zoo.shapes import Family, Shape


def count_parameters(shape: Shape, head: Head) -> int:
    """Weights and biases of the network as it is published: with all its positions, of which a file keeps as many as
    its length."""
    width = shape.hidden
    embedding = shape.vocabulary * (shape.embedding or width) + (shape.positions + shape.types) * width
    total = embedding + shape.layers * _layer_parameters(shape) + 2 * width
    if shape.family is Family.MOBILEBERT:
        total += _dense(3 * shape.embedding, width)
    if head.kind == "classification":
        pooler = _dense(width, width) if shape.pooler != "none" else 0
        return total + pooler + _dense(width, head.classes)
    return total + (_dense(width, 2) if head.kind == "qa" else 0)


def _layer_parameters(shape: Shape) -> int:
    width, inner, up = shape.hidden, shape.inner, shape.feed_forward
    feed_forward = _dense(inner, up) + _dense(up, inner) + 2 * inner
    attention = 2 * _dense(inner, inner) + _dense(width, inner) + _dense(inner, inner) + 2 * inner
    around = 2 * (_dense(width, inner) + 2 * inner) + _dense(inner, width) + 2 * width if shape.bottleneck else 0
    return attention + shape.stacked * feed_forward + around


def _dense(fan_in: int, fan_out: int) -> int:
    return fan_in * fan_out + fan_out


def count_flops(shape: Shape, head: Head, length: int) -> int:
    """Operations of one inference of one sequence of `length` tokens."""
    width, inner, up = shape.hidden, shape.inner, shape.feed_forward
    weights = 2 * inner * inner + width * inner + inner * inner + shape.stacked * 2 * inner * up
    if shape.bottleneck:
        weights += 2 * width * inner + inner * width
    layers = shape.layers * (2 * length * weights + 4 * length * length * inner)
    trigrams = 2 * length * 3 * shape.embedding * width
    return layers + trigrams + _head_flops(shape, head, length)


def _head_flops(shape: Shape, head: Head, length: int) -> int:
    width = shape.hidden
    if head.kind == "classification":
        pooler = width * width if shape.pooler != "none" else 0
        return 2 * (pooler + width * head.classes)
    if head.kind == "qa":
        return 2 * length * width * 2
    return 2 * width * shape.vocabulary
