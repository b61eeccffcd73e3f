"""A model: a file with a hash, its format, and the inputs and outputs read from the file itself."""

from dataclasses import dataclass, field
from pathlib import Path

from agent.protocol import InputRecipe, Reference

UNTOLD = "untold"
"""The type of an output of which the file tells the name alone."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the file declares it. A dimension that the file leaves open is -1; where not even their
    number is told, the shape is `(-1,)`."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """One artifact. Two models with one name are versions of the same thing; the digest tells them apart.

    `recipes` says how each input is filled; `references` are outputs to be matched before any clock starts;
    `parent` is the digest of the artifact this one was made from (quantised, pruned, converted), if it is known;
    `weights` the bytes of its stored weights by type.
    """

    name: str
    digest: str
    path: Path
    format: str
    size_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    recipes: tuple[InputRecipe, ...]
    operators: dict[str, int] = field(default_factory=dict, compare=False)
    weights: dict[str, int] = field(default_factory=dict, compare=False)
    references: tuple[Reference, ...] = field(default=(), compare=False)
    parent: str | None = None
    recipe: str | None = None
    licence: str | None = None
    source: str | None = None
