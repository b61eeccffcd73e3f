"""What is to be trained: all that decides the weights, and where things lie. Pure."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import UsageError

SAVE_EVERY_S = 20.0
"""Chosen: a state of 130 MB takes half a second to write, and at most 20 s of work are lost."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on. `examples` 0 is all of them; `length` is in tokens.

    `base` and `data` are SHA-256 of the weights that training starts from and of the data set's contents. A thread
    more sums in another order, so the number of threads belongs to the recipe, too.
    """

    base: str
    data: str
    examples: int = 4000
    epochs: int = 3
    batch: int = 32
    length: int = 64
    learning_rate: float = 5e-5
    seed: int = 1
    threads: int = 1
    train_embeddings: bool = False
    patience: int = 2

    @property
    def digest(self) -> str:
        """Names the recipe: two with one digest give the same weights on one machine."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Order:
    """A recipe with its places: the folder of the base, the data's files by split, and the folder to be made."""

    recipe: Recipe
    name: str
    labels: tuple[str, ...]
    base_folder: Path
    splits: dict[str, Path]
    folder: Path
    about: dict[str, str]
    save_every_s: float = SAVE_EVERY_S

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Order":
        plain = json.loads(text)
        return cls(
            recipe=Recipe(**plain["recipe"]),
            name=plain["name"],
            labels=tuple(plain["labels"]),
            base_folder=Path(plain["base_folder"]),
            splits={name: Path(path) for name, path in plain["splits"].items()},
            folder=Path(plain["folder"]),
            about=plain["about"],
            save_every_s=plain["save_every_s"],
        )


_LIMITS: dict[str, tuple[float, float]] = {
    "examples": (0, 10**8),
    "epochs": (1, 1000),
    "batch": (1, 4096),
    "length": (3, 512),
    "learning_rate": (1e-9, 1.0),
    "seed": (0, 2**32 - 1),
    "threads": (1, 1024),
    "patience": (1, 1000),
}


def check_recipe(recipe: Recipe) -> Recipe:
    """The recipe itself. `UsageError` names the part that cannot be."""
    for name, (least, most) in _LIMITS.items():
        value = getattr(recipe, name)
        if not least <= value <= most:
            raise UsageError(f"--{name.replace('_', '-')} {value:g} cannot be", f"it is {least:g} to {most:g}")
    return recipe
