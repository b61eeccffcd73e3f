"""Networks of the BERT family in torch, written so that they become operators which old runtimes know.

They take `ids` and `mask` (int32, 1 × length), and `types` where the shape has token types. The mask is added to the
scores in four dimensions: other ways become GATHER_ND of a version that old TFLite runtimes lack. Dropout is left
out, for nothing is trained here. Checked against the reference implementation in `tests/zoo/`.
"""

import math

import torch
from torch import Tensor, nn

from orchestrator.zoo.heads import Head
from orchestrator.zoo.shapes import Family, Shape

MASKED = -1e4
"""Added to the score of a token that is left out. It fits float16, and exp(-1e4) is 0 and no denormal."""
EPSILON = 1e-12
"""BERT's, and that of all its relatives here."""


class Scaled(nn.Module):
    """MobileBERT's NoNorm in the place of a layer normalisation: a factor and a term (arXiv 2004.02984, 3.4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias


def _norm(shape: Shape, width: int) -> nn.Module:
    return Scaled(width) if shape.family is Family.MOBILEBERT else nn.LayerNorm(width, eps=EPSILON)


class Attention(nn.Module):
    """Scores, softmax, weighted values and the dense layer behind them; no residual."""

    def __init__(self, shape: Shape, length: int) -> None:
        super().__init__()
        width = shape.inner
        self.query, self.key, self.mix = (nn.Linear(width, width) for _ in range(3))
        self.value = nn.Linear(shape.hidden, width)
        self.split = (1, length, shape.heads, width // shape.heads)

    def forward(self, asking: Tensor, telling: Tensor, bias: Tensor) -> Tensor:
        """Queries and keys are made of `asking`, values of `telling`."""
        query, key = (layer(asking).view(self.split).transpose(1, 2) for layer in (self.query, self.key))
        value = self.value(telling).view(self.split).transpose(1, 2)
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.split[3])
        context = torch.softmax(scores + bias, dim=-1) @ value
        mixed: Tensor = self.mix(context.transpose(1, 2).reshape(1, self.split[1], -1))
        return mixed


class FeedForward(nn.Module):
    """Up, activation, down; no residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.up = nn.Linear(shape.inner, shape.feed_forward)
        self.down = nn.Linear(shape.feed_forward, shape.inner)
        self.activation = nn.ReLU() if shape.family is Family.MOBILEBERT else nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.down(self.activation(self.up(x)))
        return down


class Layer(nn.Module):
    """BERT's: attention and feed-forward, each with its residual, normalised behind it; a decoder's before it."""

    def __init__(self, shape: Shape, length: int) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(shape, length), FeedForward(shape)
        self.norm_attention, self.norm_output = _norm(shape, shape.hidden), _norm(shape, shape.hidden)
        self.norm_first = shape.family is Family.DECODER

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        if self.norm_first:
            normed = self.norm_attention(x)
            x = x + self.attention(normed, normed, bias)
            return x + self.feed_forward(self.norm_output(x))
        x = self.norm_attention(x + self.attention(x, x, bias))
        y: Tensor = self.norm_output(x + self.feed_forward(x))
        return y


class BottleneckLayer(nn.Module):
    """MobileBERT's: in through two narrow doors, a stack of feed-forward networks, and out again (3.1 to 3.3)."""

    def __init__(self, shape: Shape, length: int) -> None:
        super().__init__()
        wide, narrow = shape.hidden, shape.inner
        self.enter, self.share = nn.Linear(wide, narrow), nn.Linear(wide, narrow)
        self.norm_enter, self.norm_share = _norm(shape, narrow), _norm(shape, narrow)
        self.attention, self.norm_attention = Attention(shape, length), _norm(shape, narrow)
        self.stack = nn.ModuleList(FeedForward(shape) for _ in range(shape.stacked))
        self.norms = nn.ModuleList(_norm(shape, narrow) for _ in range(shape.stacked))
        self.leave, self.norm_leave = nn.Linear(narrow, wide), _norm(shape, wide)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        inside, shared = self.norm_enter(self.enter(x)), self.norm_share(self.share(x))
        inside = self.norm_attention(inside + self.attention(shared, x, bias))
        for feed_forward, norm in zip(self.stack, self.norms, strict=True):
            inside = norm(inside + feed_forward(inside))
        y: Tensor = self.norm_leave(x + self.leave(inside))
        return y


class Network(nn.Module):
    """Embedding, layers and one head. Give it weights (`weights.fill_network`) before it is used."""

    def __init__(self, shape: Shape, head: Head, length: int) -> None:
        super().__init__()
        self.head, self.family, width = head, shape.family, shape.hidden
        mobile = shape.family is Family.MOBILEBERT
        self.words = nn.Embedding(shape.vocabulary, shape.embedding or width)
        self.positions = nn.Parameter(torch.zeros(1, length, width))
        self.types = nn.Embedding(shape.types, width) if shape.types else None
        self.trigrams = nn.Linear(3 * shape.embedding, width) if mobile else None
        self.norm = _norm(shape, width)
        kind = BottleneckLayer if mobile else Layer
        self.layers = nn.ModuleList(kind(shape, length) for _ in range(shape.layers))
        if head.kind == "classification":
            self.pool = nn.Linear(width, width) if shape.pooler != "none" else None
            self.squash = nn.ReLU() if shape.pooler == "relu" else nn.Tanh()
            self.classify = nn.Linear(width, head.classes)
        elif head.kind == "qa":
            self.span = nn.Linear(width, 2)
        if shape.family is Family.DECODER:
            future = torch.ones(1, 1, length, length).triu(diagonal=1)
            self.register_buffer("future", future * MASKED, persistent=False)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> tuple[Tensor, ...]:
        bias = (1.0 - mask.to(torch.float32))[:, None, None, :] * MASKED
        x = self._embed(ids, types)
        if self.family is Family.DECODER:
            bias = bias + self.future
        else:
            x = self.norm(x)
        for layer in self.layers:
            x = layer(x, bias)
        if self.head.kind == "generation":
            return (self.norm(x[:, -1]) @ self.words.weight.T,)
        if self.head.kind == "qa":
            start, end = self.span(x).split(1, dim=-1)
            return start.squeeze(-1), end.squeeze(-1)
        first = x[:, 0]
        return (self.classify(first if self.pool is None else self.squash(self.pool(first))),)

    def _embed(self, ids: Tensor, types: Tensor | None) -> Tensor:
        x: Tensor = self.words(ids)
        if self.trigrams is not None:
            # Each token beside its neighbours (3.3): the next one first, zeros beyond either end.
            zeros = torch.zeros_like(x[:, :1])
            x = self.trigrams(torch.cat([torch.cat([x[:, 1:], zeros], 1), x, torch.cat([zeros, x[:, :-1]], 1)], dim=2))
        x = x + self.positions
        return x if self.types is None or types is None else x + self.types(types)
