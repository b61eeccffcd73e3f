"""Weights: drawn with a seed, or read from a checkpoint; and the seeded inputs on which artifacts are compared."""

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from orchestrator.zoo.checkpoints import Checkpoint
from orchestrator.zoo.shapes import Shape

if TYPE_CHECKING:
    from orchestrator.zoo.networks import Network

LEAST = 1e-6
"""No weight is nearer to zero: products of smaller ones could become denormal, which are slow on some processors."""


def fill_network(network: "Network", seed: int, checkpoint: Checkpoint | None = None) -> list[str]:
    """Give every weight its value; give the names of those that were drawn with the seed."""
    drawn = []
    with torch.no_grad():
        for name, weight in network.named_parameters():
            values = None if checkpoint is None else checkpoint.read(name, tuple(weight.shape))
            if values is None:
                drawn.append(name)
                values = draw(name, tuple(weight.shape), seed)
            weight.copy_(torch.from_numpy(values))
    return drawn


def draw(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Weights for a parameter of that name, from a stream of its own: the same whatever else the network has.

    Dense weights have half the deviation that keeps the size of what goes through (1/√fan-in; 0.018 for 768 features,
    where BERT starts with 0.02), so that 24 layers without normalisation stay finite; queries and keys have all of it,
    so that attention picks. No weight is constant: no converter can fold a layer away.
    """
    random = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    values = random.standard_normal(shape, dtype=np.float32) * np.float32(_scale(name, shape))
    values = np.where(np.abs(values) < LEAST, np.float32(LEAST), values)
    return values + np.float32(1.0) if "norm" in name and name.endswith("weight") else values


def _scale(name: str, shape: tuple[int, ...]) -> float:
    if name == "words.weight":
        return 1.0
    if name.startswith(("positions", "types")):
        return 0.3
    if "norm" in name or name.endswith("bias"):
        return 0.1
    gain = 1.0 if ".query." in name or ".key." in name or name.startswith(("classify", "span")) else 0.5
    return float(gain / shape[-1] ** 0.5)


def seeded_inputs(shape: Shape, length: int, seed: int, count: int) -> list[dict[str, NDArray[Any]]]:
    """Random tokens; the mask leaves a tail of random length out, so that it is seen to work. int32, 1 × length."""
    inputs = []
    for number in range(count):
        random = np.random.Generator(np.random.PCG64([seed, number]))
        tokens = int(random.integers(max(2, length // 4), length + 1))
        one = {
            "ids": random.integers(0, shape.vocabulary, (1, length), dtype=np.int32),
            "mask": (np.arange(length)[None] < tokens).astype(np.int32),
        }
        if shape.types:
            one["types"] = (np.arange(length)[None] >= random.integers(1, length)).astype(np.int32)
        inputs.append(one)
    return inputs
