"""The sizes of a network: a catalogue of published shapes, and any other as layers/hidden/ffn/heads. Pure."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from orchestrator.errors import ModelError


class Family(StrEnum):
    """How the layers are put together."""

    BERT = "bert"
    DISTILBERT = "distilbert"
    MOBILEBERT = "mobilebert"
    DECODER = "decoder"


@dataclass(frozen=True)
class Shape:
    """One network. `hidden` is what runs between layers; widths are numbers of features.

    `types` is 0 where there is no embedding of token types. `pooler` is what stands before a classifier: a dense layer
    with `tanh` (BERT) or `relu` (DistilBERT), or `none` (MobileBERT). The last three are MobileBERT's: the width of
    its word table, the width inside a layer, and the feed-forward networks of a layer.
    """

    name: str
    family: Family
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    vocabulary: int = 30_522
    positions: int = 512
    types: int = 2
    pooler: str = "tanh"
    embedding: int = 0
    bottleneck: int = 0
    stacked: int = 1

    @property
    def inner(self) -> int:
        """The width at which attention works."""
        return self.bottleneck or self.hidden


MOST_LAYERS, WIDEST, LARGEST_VOCABULARY, LONGEST = 96, 16_384, 1_000_000, 8_192
"""Beyond these a request is a slip of the finger. The widest published encoder of this family has 1,024."""


def _bert(name: str, layers: int, hidden: int, feed_forward: int, heads: int) -> Shape:
    return Shape(name, Family.BERT, layers, hidden, feed_forward, heads)


CATALOGUE = {
    shape.name: shape
    for shape in (
        _bert("bert-large", 24, 1024, 4096, 16),  # Devlin et al., arXiv 1810.04805, section 3
        _bert("bert-base", 12, 768, 3072, 12),
        Shape("distilbert", Family.DISTILBERT, 6, 768, 3072, 12, types=0, pooler="relu"),  # Sanh et al., 1910.01108
        # Sun et al., arXiv 2004.02984, table 1; the released checkpoint has no layer before the classifier.
        Shape(
            "mobilebert", Family.MOBILEBERT, 24, 512, 512, 4, pooler="none", embedding=128, bottleneck=128, stacked=4
        ),
        _bert("tinybert-4", 4, 312, 1200, 12),  # Jiao et al., arXiv 1909.10351, section 4.1
        _bert("minilm-l6", 6, 384, 1536, 12),  # Wang et al., arXiv 2002.10957, table 1
        _bert("minilm-l3", 3, 384, 1536, 12),
        _bert("bert-small", 4, 512, 2048, 8),  # Turc et al., arXiv 1908.08962, table 1
        _bert("bert-mini", 4, 256, 1024, 4),
        _bert("bert-tiny", 2, 128, 512, 2),
        Shape("decoder-small", Family.DECODER, 4, 256, 1024, 4, types=0, pooler="none"),
    )
}

_SIZES = re.compile(r"(?:(bert|decoder)-)?([0-9]{1,6})[/x]([0-9]{1,6})[/x]([0-9]{1,6})[/x]([0-9]{1,6})")


def parse_shape(text: str, vocabulary: int | None = None) -> Shape:
    """`bert-base`, or `4/256/1024/4` for layers, hidden, feed-forward and heads (`decoder-4/256/1024/4` for a decoder).

    `vocabulary` takes the place of the 30,522 rows of BERT's word table. `ModelError` lists what there is.
    """
    shape = CATALOGUE.get(text.lower()) or _parse_sizes(text)
    if vocabulary is not None and vocabulary != shape.vocabulary:
        shape = replace(shape, name=f"{shape.name}-v{vocabulary}", vocabulary=vocabulary)
    return check_shape(shape)


def _parse_sizes(text: str) -> Shape:
    match = _SIZES.fullmatch(text)
    if match is None:
        near = get_close_matches(text.lower(), CATALOGUE, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ModelError(
            f"{text}: no such shape; known: {', '.join(CATALOGUE)}",
            f"{meant}write layers/hidden/ffn/heads for any other, for example 4/256/1024/4",
        )
    layers, hidden, feed_forward, heads = (int(number) for number in match.groups()[1:])
    name = f"{match[1] or 'bert'}-{layers}x{hidden}x{feed_forward}x{heads}"
    if match[1] == "decoder":
        return Shape(name, Family.DECODER, layers, hidden, feed_forward, heads, types=0, pooler="none")
    return _bert(name, layers, hidden, feed_forward, heads)


def check_shape(shape: Shape) -> Shape:
    """The shape itself. `ModelError` where it cannot be built."""
    for what, value, most in (
        ("layers", shape.layers, MOST_LAYERS),
        ("hidden features", shape.hidden, WIDEST),
        ("feed-forward features", shape.feed_forward, 4 * WIDEST),
        ("heads", shape.heads, WIDEST),
        ("rows of vocabulary", shape.vocabulary, LARGEST_VOCABULARY),
        ("positions", shape.positions, 2**20),
    ):
        if not 0 < value <= most:
            raise ModelError(f"{shape.name}: {value:,} {what}", f"there can be 1 to {most:,}")
    if shape.inner % shape.heads:
        raise ModelError(
            f"{shape.name}: {shape.inner} features cannot be shared among {shape.heads} heads",
            "take a number of heads that divides the width",
        )
    return shape


def check_length(shape: Shape, length: int) -> int:
    """The length itself, in tokens; a shape takes longer ones than its published 512 positions. `ModelError`."""
    if not 2 <= length <= LONGEST:
        raise ModelError(f"{shape.name}: a length of {length} tokens", f"give 2 to {LONGEST:,}")
    return length


def with_positions(shape: Shape, length: int) -> Shape:
    """Room for that many tokens: random weights have as many positions as are asked for."""
    return shape if length <= shape.positions else replace(shape, positions=length)
