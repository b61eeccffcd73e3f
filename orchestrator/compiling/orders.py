"""What is asked of the compiler, and where the artifact comes from. Pure; both are JSON.

The lineage stands beside the file and, in one line, in the store as the model's `recipe`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.compiling.processors import Processor

SCHEMA = "dynofarm-compiled-1"
LEVELS = ("O0", "O1", "O2", "O3")
PACKAGES = ("iree-base-compiler", "onnx")


@dataclass(frozen=True)
class Order:
    """One ONNX file to one module. `shapes` closes the dimensions that the file leaves open, input by input."""

    source: Path
    source_digest: str
    shapes: Mapping[str, tuple[int, ...]]
    processor: Processor
    level: str
    place: Path

    @property
    def lineage_place(self) -> Path:
        return self.place.with_suffix(".lineage.json")

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)


@dataclass(frozen=True)
class Lineage:
    """Everything needed to make a module again. `digest` is its SHA-256, `parent` that of the ONNX file; `flags` are
    those of `iree-compile`."""

    name: str
    digest: str
    size_bytes: int
    parent: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    flags: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    tools: Mapping[str, str]

    def to_json(self, *, indent: int | None = None) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=indent)


def order_from_json(text: str) -> Order:
    """An order as `to_json` wrote it."""
    plain: dict[str, Any] = json.loads(text)
    processor = Processor(**{**plain["processor"], "features": tuple(plain["processor"]["features"])})
    shapes = {name: tuple(shape) for name, shape in plain["shapes"].items()}
    paths = {"source": Path(plain["source"]), "place": Path(plain["place"])}
    return Order(**{**plain, **paths, "processor": processor, "shapes": shapes})


def lineage_from_json(text: str) -> Lineage:
    """A lineage as `Lineage.to_json` wrote it. `ValueError` for anything else."""
    plain = json.loads(text)
    if not isinstance(plain, dict) or plain.pop("schema", None) != SCHEMA:
        raise ValueError(f"it is not of {SCHEMA}")
    try:
        return Lineage(**{**plain, "features": tuple(plain["features"]), "flags": tuple(plain["flags"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a lineage: {error}") from None
