"""BERT with a classifier, in torch, for training: batches, dropout, and the names that checkpoints use.

The modules are nested so that a parameter's path is its name in a Hugging Face checkpoint
(`bert.encoder.layer.0.attention.self.query.weight`); nothing has to be renamed on the way in or out.
"""

# Where torch is not installed, as in the farm's own environment, its classes are unknown.
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.zoo.shapes import Shape

DROPOUT = 0.1
"""BERT's own, in all its places."""
EPSILON = 1e-12
SPREAD = 0.02
"""Standard deviation of the weights that no checkpoint brings, as in BERT."""


class Embeddings(nn.Module):
    """Words, places and types, added and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.hidden)
        self.position_embeddings = nn.Embedding(shape.positions, shape.hidden)
        self.token_type_embeddings = nn.Embedding(shape.types, shape.hidden)
        self.LayerNorm = nn.LayerNorm(shape.hidden, eps=EPSILON)

    def forward(self, ids: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: ids.shape[1]]
        added = self.word_embeddings(ids) + places + self.token_type_embeddings.weight[0]
        return functional.dropout(self.LayerNorm(added), DROPOUT, self.training)


class Attention(nn.Module):
    """Queries, keys and values of one layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(shape.hidden, shape.hidden) for _ in range(3))
        self.heads = shape.heads

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        split = (*x.shape[:2], self.heads, -1)
        query, key, value = (layer(x).view(split).transpose(1, 2) for layer in (self.query, self.key, self.value))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + bias
        shares = functional.dropout(torch.softmax(scores, -1), DROPOUT, self.training)
        return (shares @ value).transpose(1, 2).reshape(x.shape)


class Output(nn.Module):
    """A dense layer, and the residual normalised behind it."""

    def __init__(self, narrow: int, hidden: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(narrow, hidden), nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        added: Tensor = self.LayerNorm(past + functional.dropout(self.dense(x), DROPOUT, self.training))
        return added


class Layer(nn.Module):
    """Attention, then two dense layers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Attention(shape), "output": Output(shape.hidden, shape.hidden)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(shape.hidden, shape.feed_forward)})
        self.output = Output(shape.feed_forward, shape.hidden)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, bias), x)
        y: Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return y


class Classifier(nn.Module):
    """Ids and mask of shape (batch, tokens) to logits of shape (batch, labels)."""

    def __init__(self, shape: Shape, labels: int) -> None:
        super().__init__()
        self.bert = nn.ModuleDict(
            {
                "embeddings": Embeddings(shape),
                "encoder": nn.ModuleDict({"layer": nn.ModuleList(Layer(shape) for _ in range(shape.layers))}),
                "pooler": nn.ModuleDict({"dense": nn.Linear(shape.hidden, shape.hidden)}),
            }
        )
        self.classifier = nn.Linear(shape.hidden, labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        bias = (1 - mask)[:, None, None, :] * -1e4
        x = self.bert["embeddings"](ids)
        for layer in self.bert["encoder"]["layer"]:
            x = layer(x, bias)
        pooled = torch.tanh(self.bert["pooler"]["dense"](x[:, 0]))
        logits: Tensor = self.classifier(functional.dropout(pooled, DROPOUT, self.training))
        return logits


def fill(network: Classifier, known: Mapping[str, Tensor], seed: int) -> None:
    """Give every weight its value from `known`, by name; draw what is missing there with the seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name in known:
                weight.copy_(known[name])
            elif name.endswith("bias"):
                weight.zero_()
            else:
                weight.copy_(torch.randn(weight.shape, generator=generator) * SPREAD)
